//! The tokens with which agents connect to a cluster. Nothing here connects, so a token is only looked at.
//!
//! Source: Buildkite docs, "Agent tokens".

use std::convert::Infallible;
use std::net::Ipv4Addr;

use chrono::{DateTime, Utc};

use crate::engine::account::UserKey;
use crate::engine::cluster::{ClusterKey, ClusterToken, ClusterTokenKey, Invalid, NotValid};
use crate::engine::table::Key as _;
use crate::engine::{Command, Engine};
use crate::vocabulary::ids::{self, ClusterTokenId, Kind};

/// How long the value of a token is: recorded.
const SECRET_LENGTH: usize = 24;

pub(crate) struct CreateClusterToken {
    pub(crate) cluster: ClusterKey,
    pub(crate) description: String,
    pub(crate) allowed_ip_addresses: Option<String>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) created_by: Option<UserKey>,
}

impl Command for CreateClusterToken {
    type Output = ClusterTokenKey;
    type Refused = NotValid;

    fn apply(self, engine: &mut Engine) -> Result<ClusterTokenKey, NotValid> {
        let wrong = check_token(&self.description, self.allowed_ip_addresses.as_deref());
        NotValid::unless_empty(wrong)?;
        let key = engine.clusters.tokens.next_key();
        let id = ClusterTokenId(engine.mint(Kind::ClusterToken, key));
        let ordinal = u64::from(key.row());
        let secret = ids::letters(engine.seed, Kind::ClusterToken, ordinal, SECRET_LENGTH);
        engine.clusters.tokens.push(ClusterToken {
            id,
            cluster: self.cluster,
            secret: secret.into(),
            description: self.description,
            allowed_ip_addresses: self.allowed_ip_addresses,
            expires_at: self.expires_at,
            created_at: engine.now,
            created_by: self.created_by,
        });
        engine.clusters.token_ids.insert(id, key);
        engine.clusters.tokens_by_cluster.insert(self.cluster, key);
        Ok(key)
    }
}

/// When it expires stays.
pub(crate) struct UpdateClusterToken {
    pub(crate) token: ClusterTokenKey,
    /// Both as they are to be, changed or not.
    pub(crate) description: String,
    pub(crate) allowed_ip_addresses: Option<String>,
}

impl Command for UpdateClusterToken {
    type Output = ();
    type Refused = NotValid;

    fn apply(self, engine: &mut Engine) -> Result<(), NotValid> {
        let wrong = check_token(&self.description, self.allowed_ip_addresses.as_deref());
        NotValid::unless_empty(wrong)?;
        let token = engine.clusters.tokens.change(self.token);
        token.description = self.description;
        token.allowed_ip_addresses = self.allowed_ip_addresses;
        Ok(())
    }
}

pub(crate) struct RevokeClusterToken {
    pub(crate) token: ClusterTokenKey,
}

impl Command for RevokeClusterToken {
    type Output = ();
    type Refused = Infallible;

    fn apply(self, engine: &mut Engine) -> Result<(), Infallible> {
        engine.remove_cluster_token(self.token);
        Ok(())
    }
}

fn check_token(description: &str, addresses: Option<&str>) -> Vec<Invalid> {
    let mut wrong = Vec::new();
    if description.trim().is_empty() {
        wrong.push(Invalid::Blank("Description"));
    }
    if !addresses.is_none_or(are_addresses) {
        wrong.push(Invalid::Malformed("Allowed ip addresses"));
    }
    wrong
}

/// IPv4 addresses in CIDR notation, with white space between.
///
/// Chosen: one without its number of bits is taken, as one address.
fn are_addresses(text: &str) -> bool {
    let is_address = |text: &str| {
        let (address, bits) = text.split_once('/').unwrap_or((text, "32"));
        address.parse::<Ipv4Addr>().is_ok()
            && bits.bytes().all(|digit| digit.is_ascii_digit())
            && bits.parse::<u8>().is_ok_and(|bits| bits <= 32)
    };
    text.split_whitespace().all(is_address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_ranges_of_four_numbers() {
        for (text, expected) in [
            ("0.0.0.0/0", true),
            ("202.144.0.0/24", true),
            ("202.144.0.0/24 198.51.100.12", true),
            ("", true),
            ("202.144.0.0/33", false),
            ("202.144.0.0/+4", false),
            ("202.144.0/24", false),
            ("202.144.0.0/24,198.51.100.12", false),
            ("2001:db8::/32", false),
            ("localhost", false),
        ] {
            assert_eq!(are_addresses(text), expected, "{text}");
        }
    }
}
