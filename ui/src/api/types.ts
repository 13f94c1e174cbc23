/** Names for the shapes of the instance's own document, which `npm run types` reads from `tests/openapi.json`. */
import type { components } from './schema';

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

