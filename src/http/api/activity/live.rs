//! Whether who asked for something that goes on may still have it.

use std::net::IpAddr;
use std::sync::Arc;

use poem::{Request, RequestBody};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::domain::identity::Services;
use crate::domain::identity::access::{ActivityRead, Capability as _};
use crate::domain::identity::authenticate;
use crate::domain::identity::{sessions, tokens};
use crate::domain::policy;
use crate::domain::policy::Question;
use crate::error::{Code, Error, Result};
use crate::http::auth::{bearer, missing};
use crate::http::context::RequestContext;
use crate::http::cookie;
use crate::model::Principal;
use crate::model::{AskedEnvironment, Secret};

/// The credential of a request, kept while the answer goes on.
pub(super) struct Standing {
    services: Arc<Services>,
    credential: Credential,
    ip: IpAddr,
}

enum Credential {
    /// The control socket's peer does not change.
    Operator,
    Bearer(Secret),
    Cookie(Secret),
}

impl Standing {
    /// Asks the credential again, at this moment.
    ///
    /// # Errors
    /// As at the beginning, or `INSUFFICIENT_SCOPE`.
    pub(super) fn check(&self) -> Result<()> {
        let (services, now) = (&self.services, self.services.now());
        let principal = match &self.credential {
            Credential::Operator => return Ok(()),
            Credential::Cookie(cookie) => sessions::from_cookie(services, cookie.expose(), None, now)?,
            Credential::Bearer(token) if tokens::looks_like_jwt(token.expose()) => {
                authenticate::token(services, token.expose(), now)?
            }
            Credential::Bearer(key) => match self.ask(key) {
                // Limits are the last thing that is looked at: all else was in order.
                Err(error) if matches!(error.code, Code::RateLimited | Code::QuotaExceeded) => return Ok(()),
                answer => answer?,
            },
        };
        let apis = services.catalog.get();
        let own = apis.built_in();
        let holds = principal.api_no == Some(own.no) && own.satisfies(&principal.scopes, ActivityRead::SCOPE);
        if holds { Ok(()) } else { Err(Error::insufficient_scope(ActivityRead::SCOPE, &principal.scopes)) }
    }

    fn ask(&self, key: &Secret) -> Result<Principal> {
        let apis = self.services.catalog.get();
        let question = Question {
            key: key.expose(),
            api: apis.built_in(),
            scopes: None,
            environment: AskedEnvironment::Live,
            cost: 1,
            ip: Some(self.ip),
        };
        policy::authenticate(&self.services, &question, self.services.now())
    }
}

impl<'a> ApiExtractor<'a> for Standing {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::PoemExtractor];
    type ParamType = ();
    type ParamRawType = ();

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let context = RequestContext::get(request);
        let services = request.extensions().get::<Arc<Services>>().expect("the edge puts it there").clone();
        let credential = match bearer(request.headers())? {
            _ if context.operator => Credential::Operator,
            Some(token) => Credential::Bearer(Secret::new(token.to_owned())),
            None => {
                let cookie = cookie::get(&services, request.headers()).ok_or_else(missing)?;
                Credential::Cookie(Secret::new(cookie.to_owned()))
            }
        };
        Ok(Self { services, credential, ip: context.ip })
    }
}
