//! `keywright openapi`: the document that `/openapi.json` serves, without a server.

use super::{Context, Done};

pub(super) fn run(context: &mut Context) -> Done {
    context.out.bytes(crate::http::openapi().as_bytes())?;
    context.out.line("")
}
