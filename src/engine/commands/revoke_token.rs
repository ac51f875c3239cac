//! An API access token opens nothing any more, for ever.
//!
//! Source: Buildkite docs, "Access token API", section "Revoke the current token".

use std::convert::Infallible;

use crate::engine::account::TokenKey;
use crate::engine::{Command, Engine};

#[derive(Debug)]
pub(crate) struct RevokeToken {
    pub(crate) token: TokenKey,
}

impl Command for RevokeToken {
    type Output = ();
    type Refused = Infallible;

    fn apply(self, engine: &mut Engine) -> Result<(), Infallible> {
        let now = engine.now;
        engine
            .tokens
            .change(self.token)
            .revoked_at
            .get_or_insert(now);
        Ok(())
    }
}
