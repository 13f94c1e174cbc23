/** A key in the form. */
import type { Api, ApiKey } from '../../api/types';
import { localInput, DAY } from '../../lib/time';

export type Expiry = 'never' | '30' | '90' | '365' | 'date';

export class Draft {
  name = $state('');
  api = $state('');
  environment = $state<'live' | 'test'>('live');
  /** Name of a preset; empty while scopes are selected one by one. */
  preset = $state('');
  scopes = $state<string[]>([]);
  expiry = $state<Expiry>('never');
  expiresAt = $state(localInput(Date.now() + 90 * DAY));
  tier = $state('');
  owner = $state('');
  allowedIps = $state('');
  quotaLimit = $state('');
  quotaPeriod = $state<'day' | 'month' | 'total'>('month');

  /** A draft with the current values of `key`. */
  static of(key: ApiKey): Draft {
    const draft = new Draft();
    draft.name = key.name;
    draft.api = key.api;
    draft.environment = key.environment;
    draft.scopes = [...key.scopes];
    draft.tier = key.ratelimit ? '' : (key.tier ?? '');
    draft.owner = key.owner ?? '';
    draft.allowedIps = key.allowed_ips?.join('\n') ?? '';
    if (key.expires_at) {
      draft.expiry = 'date';
      draft.expiresAt = localInput(Date.parse(key.expires_at));
    }
    if (key.quota) {
      draft.quotaLimit = String(key.quota.limit);
      draft.quotaPeriod = key.quota.period as Draft['quotaPeriod'];
    }
    return draft;
  }

  /** Selects another API: its first preset, or scopes one by one. */
  choose(api: Api): void {
    this.api = api.slug;
    this.tier = '';
    this.scopes = [];
    this.takePreset(api, api.presets[0]?.name ?? '');
    if (api.built_in) this.environment = 'live';
  }

  takePreset(api: Api, name: string): void {
    this.preset = name;
    const preset = api.presets.find((one) => one.name === name);
    if (preset) this.scopes = [...preset.scopes];
    if (preset?.environment) this.environment = preset.environment;
  }

  get networks(): string[] {
    return this.allowedIps.split(/[\s,]+/).filter(Boolean);
  }

  get expires(): { expires_at?: string; expires_in_days?: number } {
    if (this.expiry === 'never') return {};
    if (this.expiry === 'date') return { expires_at: new Date(this.expiresAt).toISOString() };
    return { expires_in_days: Number(this.expiry) };
  }

  get quota(): { limit: number; period: 'day' | 'month' | 'total' } | undefined {
    const limit = Number(this.quotaLimit);
    return this.quotaLimit.trim() && limit > 0 ? { limit, period: this.quotaPeriod } : undefined;
  }
}
