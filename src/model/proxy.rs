//! The proxies that can ask Keywright about each request.

use super::string_enum::string_enum;

string_enum! {
    /// A proxy that can ask before it passes a request on.
    Proxy {
        /// nginx, with `auth_request`.
        Nginx = "nginx",
        /// Caddy, with `forward_auth`.
        Caddy = "caddy",
    }
}
