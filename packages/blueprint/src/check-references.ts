// What holds between the files of a Blueprint.
//
// Members of teams must be users of users.json, if that file exists. Without it the people are somebody else's (an OIDC
// provider with users of its own), and their addresses cannot be checked.
import type { PipelineDocument, TeamDocument, UserDocument } from "@danube/protocol";
import { showValue } from "./blueprint-error.ts";
import { findNearestName } from "./nearest-name.ts";
import type { Report } from "./report.ts";

export interface BlueprintFiles {
  /** Undefined: there is no such file. */
  readonly users: readonly UserDocument[] | undefined;
  readonly teams: readonly TeamDocument[] | undefined;
  readonly pipelines: readonly { readonly file: string; readonly document: PipelineDocument }[];
}

/** Reports duplicates, references to what does not exist, and pipelines that contradict each other. */
export function checkReferences({ users, teams, pipelines }: BlueprintFiles, report: Report): void {
  checkUsers(users ?? [], report);
  checkTeams(teams ?? [], users, report);
  checkPipelineTeams(teams ?? [], pipelines, report);
  checkGroups(pipelines, report);
}

function checkUsers(users: readonly UserDocument[], report: Report): void {
  const names = new Map<string, number>();
  const emails = new Map<string, number>();
  for (const [place, { metadata, spec }] of users.entries()) {
    const sameName = names.get(metadata.name);
    if (sameName !== undefined)
      report(
        "users.json",
        `/${place}/metadata/name`,
        `the user ${showValue(metadata.name)} is defined in /${sameName} already`,
      );
    else names.set(metadata.name, place);
    const sameEmail = emails.get(spec.email.toLowerCase());
    if (sameEmail !== undefined)
      report(
        "users.json",
        `/${place}/spec/email`,
        `the address ${showValue(spec.email)} belongs to the user in /${sameEmail} already`,
      );
    else emails.set(spec.email.toLowerCase(), place);
  }
}

function checkTeams(teams: readonly TeamDocument[], users: readonly UserDocument[] | undefined, report: Report): void {
  const emails = users?.map((user) => user.spec.email.toLowerCase());
  const known = emails && new Set(emails);
  const names = new Map<string, number>();
  for (const [place, { metadata, spec }] of teams.entries()) {
    const sameName = names.get(metadata.name);
    if (sameName !== undefined)
      report(
        "teams.json",
        `/${place}/metadata/name`,
        `the team ${showValue(metadata.name)} is defined in /${sameName} already`,
      );
    else names.set(metadata.name, place);
    const members = new Set<string>();
    for (const [memberPlace, member] of spec.members.entries()) {
      const email = member.toLowerCase();
      const pointer = `/${place}/spec/members/${memberPlace}`;
      if (members.has(email)) report("teams.json", pointer, `${showValue(member)} is a member already; remove one`);
      else if (known && !known.has(email))
        report(
          "teams.json",
          pointer,
          `no user in users.json has the address ${showValue(member)}${suggestion(email, [...known])}`,
        );
      members.add(email);
    }
  }
}

function checkPipelineTeams(
  teams: readonly TeamDocument[],
  pipelines: BlueprintFiles["pipelines"],
  report: Report,
): void {
  const known = teams.map((team) => team.metadata.name);
  const names = new Set(known);
  const checkTeam = (file: string, pointer: string, team: string): void => {
    if (!names.has(team))
      report(file, pointer, `there is no team ${showValue(team)} in teams.json${suggestion(team, known)}`);
  };
  for (const { file, document } of pipelines) {
    if (document.metadata.team !== undefined) checkTeam(file, "/metadata/team", document.metadata.team);
    for (const [place, { team }] of document.spec.permissions.entries())
      checkTeam(file, `/spec/permissions/${place}/team`, team);
  }
}

/** Pipelines that share a concurrency group share its limit; those that state one must agree. */
function checkGroups(pipelines: BlueprintFiles["pipelines"], report: Report): void {
  const limits = new Map<string, { limit: number; file: string }>();
  for (const { file, document } of pipelines) {
    const { group, limit } = document.spec.concurrency;
    if (group === undefined || limit === undefined) continue;
    const stated = limits.get(group);
    if (!stated) limits.set(group, { limit, file });
    else if (stated.limit !== limit)
      report(
        file,
        "/spec/concurrency/limit",
        `the group ${showValue(group)} has the limit ${stated.limit} in ${stated.file}, but ${limit} here; write the same number`,
      );
  }
}

function suggestion(written: string, names: readonly string[]): string {
  const nearest = findNearestName(written, names);
  return nearest === undefined ? "" : `; did you mean ${showValue(nearest)}?`;
}
