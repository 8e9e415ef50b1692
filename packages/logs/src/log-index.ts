// What the records of an index say together.
import type { ExtentRecord, IndexRecord } from "./index-format.ts";
import { type RedactionState, sourceBeginning } from "./redactor.ts";

export interface IndexedSource {
  readonly name: string;
  /** Where the source is to be taken up again. */
  readonly state: RedactionState;
  readonly ended: boolean;
}

export class LogIndex {
  readonly sources: IndexedSource[] = [];
  /** Bytes of the log that are covered. */
  sizeBytes = 0;

  /** Takes in the next record. Returns false, and changes nothing, if it does not fit to the ones before. */
  accept(record: IndexRecord): boolean {
    if (record.type === "source") {
      if (record.id !== this.sources.length) return false;
      this.sources.push({ name: record.name, state: sourceBeginning, ended: false });
      return true;
    }
    const source = this.sources[record.source];
    if (!source || !this.#fits(record, source)) return false;
    this.sources[record.source] = {
      name: source.name,
      state: { offset: record.sourceEnd, carry: record.carry },
      ended: record.ended,
    };
    this.sizeBytes = record.logEnd;
    return true;
  }

  #fits(extent: ExtentRecord, source: IndexedSource): boolean {
    if (extent.logStart !== this.sizeBytes || !(extent.logEnd >= extent.logStart)) return false;
    // A line that stays open when its source ends gets its newline at once; so nothing follows the end.
    if (source.ended) return false;
    return extent.sourceStart === source.state.offset && extent.sourceEnd >= extent.sourceStart;
  }
}
