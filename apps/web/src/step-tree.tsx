import type { Step } from "@danube/protocol";
import { durationOf } from "./format.ts";
import { Status } from "./status.tsx";

export interface StepTreeProps {
  readonly steps: readonly Step[];
  readonly parentId?: string;
  readonly nowMs: number;
  readonly onOpen: (step: Step) => void;
}

/** Steps in the order in which they began, those of a group under it. */
export function StepTree({ steps, parentId, nowMs, onOpen }: StepTreeProps) {
  const own = steps.filter((step) => step.parentId === parentId);
  if (own.length === 0) return null;
  return (
    <ol class="steps">
      {own.map((step) => (
        <li key={step.id}>
          <button
            type="button"
            class="step"
            onClick={() => onOpen(step)}
            title={step.message === undefined ? step.name : `${step.name}: ${step.message}`}
          >
            <Status status={step.status} short />
            <bdi class="step-name">
              {step.name}
              {step.attempt > 1 && ` (attempt ${step.attempt})`}
            </bdi>
            <span class="number">{durationOf(step, nowMs)}</span>
          </button>
          <StepTree steps={steps} parentId={step.id} nowMs={nowMs} onOpen={onOpen} />
        </li>
      ))}
    </ol>
  );
}
