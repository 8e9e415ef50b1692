// The kinds of metrics, over prom-client, with labels that the compiler checks.
import * as prometheus from "prom-client";

/** The labels that a call must give: none at all for a metric without labels. */
export type LabelArguments<L extends string> = [L] extends [never] ? [] : [labels: Readonly<Record<L, string>>];

/** Grows only. */
export interface Counter<L extends string = never> {
  increment(...labels: LabelArguments<L>): void;
  add(amount: number, ...labels: LabelArguments<L>): void;
}

/** Goes up and down. */
export interface Gauge<L extends string = never> {
  set(value: number, ...labels: LabelArguments<L>): void;
  add(amount: number, ...labels: LabelArguments<L>): void;
}

/** Durations, in seconds as Prometheus wants them. */
export interface Histogram<L extends string = never> {
  observe(seconds: number, ...labels: LabelArguments<L>): void;
}

export interface MetricText<L extends string> {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly L[];
}

export function createCounter<L extends string = never>(
  registry: prometheus.Registry,
  { name, help, labels = [] }: MetricText<L>,
): Counter<L> {
  const counter = new prometheus.Counter({ name, help, labelNames: labels, registers: [registry] });
  return {
    increment: (...given) => (given[0] === undefined ? counter.inc() : counter.inc(given[0])),
    add: (amount, ...given) => (given[0] === undefined ? counter.inc(amount) : counter.inc(given[0], amount)),
  };
}

export function createGauge<L extends string = never>(
  registry: prometheus.Registry,
  { name, help, labels = [] }: MetricText<L>,
): Gauge<L> {
  const gauge = new prometheus.Gauge({ name, help, labelNames: labels, registers: [registry] });
  return {
    set: (value, ...given) => (given[0] === undefined ? gauge.set(value) : gauge.set(given[0], value)),
    add: (amount, ...given) => (given[0] === undefined ? gauge.inc(amount) : gauge.inc(given[0], amount)),
  };
}

export function createHistogram<L extends string = never>(
  registry: prometheus.Registry,
  { name, help, labels = [], buckets }: MetricText<L> & { readonly buckets: readonly number[] },
): Histogram<L> {
  const histogram = new prometheus.Histogram({
    name,
    help,
    labelNames: labels,
    buckets: [...buckets],
    registers: [registry],
  });
  return {
    observe: (seconds, ...given) =>
      given[0] === undefined ? histogram.observe(seconds) : histogram.observe(given[0], seconds),
  };
}
