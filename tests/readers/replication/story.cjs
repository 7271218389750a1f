// A report for people.
'use strict';

const clock = (at) => (Number.isFinite(at) ? new Date(at).toISOString().replace('T', ' ').replace('Z', '') : ' '.repeat(23));

function spans(list) {
  return list.map(({ from, to }) => (from === to ? `${from}` : `${from} to ${to}`)).join(', ');
}

function event(entry) {
  const data = entry.data === null ? '' : `  ${JSON.stringify(entry.data)}`;
  const critical = entry.critical ? ' (critical)' : '';
  return `  ${clock(entry.at)}  ${entry.side.padEnd(4)} ${String(entry.n).padStart(3)}  ${entry.kind}${critical}  by ${entry.by ?? '?'}${data}`;
}

function* document(history) {
  yield '';
  yield `${history.document}${history.is_whole ? '' : '   NOT WHOLE'}`;
  const header = history.header;
  if (header?.order_number) {
    const lines = header.lines.map((line) => `${line.qty} × ${line.sku}`).join(', ');
    yield `  ${header.order_number}: ${header.service} from ${header.site}: ${lines}`;
  }
  for (const entry of history.events) yield event(entry);
  if (!header) yield '  its header was written before we listened';
  if (history.missing.length > 0) yield `  waits for ${history.missing.length} changes that were not heard`;
  if (history.events_without_their_past.length > 0) yield '  heard, but what they build on is lacking:';
  for (const entry of history.events_without_their_past) yield event(entry);
}

function* story(report) {
  const frames = Object.entries(report.frames).map(([kind, count]) => `${count} ${kind}`).join(', ');
  yield `site ${report.site}: ${frames || 'no frames'}`;
  for (const kind of Object.keys(report.frames).filter((name) => name.startsWith('kind '))) {
    yield `  ${kind} is of a later protocol: named and skipped`;
  }
  for (const reason of report.refused) yield `  REFUSED: ${reason}`;
  for (const note of report.notes) yield `  ${note}`;
  for (const item of report.quarantined) yield `  item ${item.n} of the ${item.writer} is in quarantine: ${item.reason}`;
  for (const stream of report.streams) {
    const proof = stream.verified
      ? `numbers ${stream.verified.from} to ${stream.verified.to} agree with the receiver's running hash`
      : 'no running hash to compare with yet';
    const gaps = stream.missing.length > 0 ? `; lacks ${spans(stream.missing)}` : '';
    yield `  ${stream.writer} ${stream.incarnation.slice(0, 8)}: ${stream.heard} items, ${proof}${gaps}`;
    for (const n of stream.disagreements) yield `  THE STREAMS DIFFER at number ${n}`;
  }
  for (const record of report.records) {
    const attached = record.attached > 0 ? ` and ${record.attached} attached` : '';
    yield `  record ${record.kind} ${record.key}: ${record.bytes} bytes${attached}, not shown`;
  }
  for (const history of report.documents) yield* document(history);
}

module.exports = { story };
