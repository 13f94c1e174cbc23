/** The members of a row as the panel shows them, in order. The type makes the check fail when the API has another member. */
import type { Activity } from '../../api/types';

/** A label, or null for a member that another one shows. */
const LABELS: Record<keyof Activity, string | null> = {
  at: 'When',
  kind: 'What',
  path: 'Request',
  key: 'Key',
  user: 'Person',
  client: 'App',
  by: 'By',
  api: 'API',
  ip: 'From',
  user_agent: 'Program',
  code: 'Answered',
  request_id: 'Request id',
  // In the title.
  outcome: null,
  why: null,
  // Beside the kind, the path and the code.
  count: null,
  method: null,
  took_us: null,
  // Below.
  detail: null,
  id: null,
};

/** The members that a row has, with their labels. */
export function factsOf(row: Activity): [keyof Activity, string][] {
  const names = Object.keys(LABELS) as (keyof Activity)[];
  return names.flatMap((name): [keyof Activity, string][] => {
    const label = LABELS[name];
    const isShown = label !== null && row[name] != null && !(name === 'code' && row.outcome === 'changed');
    return isShown ? [[name, label]] : [];
  });
}
