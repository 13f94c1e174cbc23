/** Names for the types that `npm run types` generates from `tests/openapi.json`. */
import type { components, paths } from './schema';

type Schemas = components['schemas'];

export type Activity = Schemas['Activity'];
export type Api = Schemas['Api'];
export type ApiKey = Schemas['Key'];
export type Client = Schemas['Client'];
export type CurrentSession = Schemas['CurrentSession'];
export type Grant = Schemas['Grant'];
export type Invitation = Schemas['InvitationView'];
export type RouteRule = Schemas['ApiRoute'];
export type RouteTested = Schemas['RouteTested'];
export type SessionView = Schemas['SessionView'];
export type Tier = Schemas['ApiTier'];
export type User = Schemas['UserView'];

/** The filters of the list of keys. */
export type KeyFilter = NonNullable<paths['/v1/keys']['get']['parameters']['query']>;
/** A status that the list of keys can be filtered by. */
export type KeyStatus = NonNullable<KeyFilter['status']>;
export type Environment = NonNullable<KeyFilter['environment']>;
export type RoleName = User['role'];
/** What a row of the log is about, how it ended and why. */
export type Kind = Activity['kind'];
export type Outcome = Activity['outcome'];
export type Reason = Activity['code'];

