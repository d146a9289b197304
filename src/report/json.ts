/** Owns the report as a JSON document for programs; the output `report` names its file. Pure. */
import type { Fault } from '../engine/fault.ts';
import { redact } from '../secret.ts';
import type { Report } from './report.ts';

/** The report as JSON, redacted; `format` tells its version. */
export function renderJson(report: Report): string {
  const document = {
    format: 1,
    ...report,
    // Their warnings are among the notices.
    outcomes: report.outcomes.map(({ fault, warnings: _noticed, ...outcome }) => ({
      ...outcome,
      ...(fault === undefined ? {} : { fault: plain(fault) }),
    })),
    faults: report.faults.map(plain),
    notices: report.notices.map(plain),
  };
  return `${redact(JSON.stringify(document, undefined, 2))}\n`;
}

function plain({ message, hint, resource, status, code, requestId, place }: Fault): Record<string, unknown> {
  return { message, hint, resource, status, code, requestId, place };
}
