//! Authentication of OAuth clients (RFC 6749, section 2.3).

use std::sync::Arc;

use crate::error::Result;
use crate::model::{Client, ClientId, ClientType, SecretHash, Timestamp};
use crate::platform::epoch_cache::{DependsOn, EpochCache};
use crate::store;
use crate::store::{Conn, Touched};

use super::Services;

/// Cache of clients.
#[derive(Default)]
pub struct Clients(EpochCache<ClientId, Known>);

impl DependsOn<ClientId> for Known {
    fn depends_on(&self, _: &ClientId) -> Vec<Touched> {
        let apis = self.client.access.iter().map(|access| Touched::Api(access.api_no));
        std::iter::once(Touched::Client(self.client.no)).chain(apis).collect()
    }
}

/// A client with the hashes of its secrets.
#[derive(Clone)]
struct Known {
    client: Arc<Client>,
    /// Hashes with their expiry.
    secrets: Arc<[(SecretHash, Option<Timestamp>)]>,
}

/// The client `id`, if it is enabled and `secret` authenticates it: a confidential client needs one of its secrets, a
/// public client must send none.
pub fn authenticate(
    services: &Services,
    id: ClientId,
    secret: Option<&SecretHash>,
    now: Timestamp,
) -> Result<Option<Arc<Client>>> {
    let known = services.clients.0.get(services, id, |conn, id| Known::read(conn, *id))?;
    let proven = known.filter(|known| known.client.disabled_at.is_none() && known.proves(secret, now));
    Ok(proven.map(|known| known.client))
}

impl Known {
    fn read(conn: &Conn<'_>, id: ClientId) -> Result<Option<Self>> {
        let Some(client) = store::clients::find(conn, id)? else { return Ok(None) };
        let secrets = store::clients::secrets(conn, client.no)?;
        let secrets = secrets.into_iter().map(|(hash, info)| (hash, info.expires_at)).collect();
        Ok(Some(Self { client: Arc::new(client), secrets }))
    }

    fn proves(&self, secret: Option<&SecretHash>, now: Timestamp) -> bool {
        match (self.client.kind, secret) {
            (ClientType::Confidential, Some(hash)) => {
                let valid = |end: &Option<Timestamp>| end.is_none_or(|end| end > now);
                self.secrets.iter().any(|(secret, end)| secret == hash && valid(end))
            }
            (ClientType::Public, None) => true,
            // A public client has no secret: a caller that sends one is another program.
            (ClientType::Confidential, None) | (ClientType::Public, Some(_)) => false,
        }
    }
}
