//! Supported reverse proxies.

use super::string_enum::string_enum;

string_enum! {
    /// A proxy that supports forward authentication.
    Proxy {
        /// nginx, with `auth_request`.
        Nginx = "nginx",
        /// Caddy, with `forward_auth`.
        Caddy = "caddy",
    }
}
