//! Checks the credential of a streamed response again.

use std::net::IpAddr;
use std::sync::Arc;

use poem::{Request, RequestBody};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::domain::identity::Services;
use crate::domain::identity::access::{ActivityRead, Capability as _};
use crate::domain::identity::authenticate::{Credential, Presented, authenticate_again};
use crate::error::{Error, Result};
use crate::http::auth;
use crate::http::context::RequestContext;
use crate::model::Secret;

/// The credential of a request, kept while the response is streamed.
pub(super) struct StreamCredential {
    services: Arc<Services>,
    kept: Kept,
    ip: Option<IpAddr>,
}

enum Kept {
    /// The control socket's peer does not change.
    Operator,
    Bearer(Secret),
    Cookie(Secret),
}

impl StreamCredential {
    /// Judges the credential again, at this moment.
    ///
    /// # Errors
    /// As at the beginning, or `INSUFFICIENT_SCOPE`.
    pub(super) fn check(&self) -> Result<()> {
        let services = &self.services;
        let credential = match &self.kept {
            Kept::Operator => Credential::Operator,
            Kept::Bearer(bearer) => Credential::Bearer(bearer.expose()),
            Kept::Cookie(cookie) => Credential::Cookie(cookie.expose(), None),
        };
        let identity =
            authenticate_again(services, Presented { credential, ip: self.ip, now: services.now() })?;
        let apis = services.catalog.get();
        let own = apis.built_in();
        let holds = identity.api_no == Some(own.no) && own.satisfies(&identity.scopes, ActivityRead::SCOPE);
        if holds { Ok(()) } else { Err(Error::insufficient_scope(ActivityRead::SCOPE, &identity.scopes)) }
    }
}

impl<'a> ApiExtractor<'a> for StreamCredential {
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
        let kept = match auth::credential(request, &context, &services)? {
            Credential::Operator => Kept::Operator,
            Credential::Bearer(bearer) => Kept::Bearer(Secret::new(bearer.to_owned())),
            Credential::Cookie(cookie, _) => Kept::Cookie(Secret::new(cookie.to_owned())),
        };
        Ok(Self { services, kept, ip: context.ip })
    }
}
