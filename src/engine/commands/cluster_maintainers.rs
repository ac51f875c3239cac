//! Who maintains a cluster: users and teams of its organization.
//!
//! Elsewhere: what a maintainer may do (`Engine::maintains_cluster`).
//! Source: Buildkite docs, "Cluster maintainers".

use std::convert::Infallible;

use crate::engine::account::OrganizationKey;
use crate::engine::cluster::{
    ClusterKey, Invalid, Maintainer, MaintainerKey, Maintenance, NotValid,
};
use crate::engine::{Command, Engine};
use crate::vocabulary::ids::Kind;

pub(crate) struct AddMaintainer {
    pub(crate) cluster: ClusterKey,
    pub(crate) maintainer: Maintainer,
}

impl Command for AddMaintainer {
    type Output = MaintainerKey;
    type Refused = NotValid;

    fn apply(self, engine: &mut Engine) -> Result<MaintainerKey, NotValid> {
        let organization = engine.cluster(self.cluster).organization;
        engine.check_maintainer(organization, self.maintainer)?;
        if engine.is_maintained_by(self.cluster, self.maintainer) {
            return Err(Invalid::Taken(word(self.maintainer)).into());
        }
        Ok(engine.insert_maintainer(self.cluster, self.maintainer))
    }
}

/// What Buildkite's messages call a maintainer of this kind.
const fn word(maintainer: Maintainer) -> &'static str {
    match maintainer {
        Maintainer::User(_) => "User",
        Maintainer::Team(_) => "Team",
    }
}

pub(crate) struct RemoveMaintainer {
    pub(crate) maintainer: MaintainerKey,
}

impl Command for RemoveMaintainer {
    type Output = ();
    type Refused = Infallible;

    fn apply(self, engine: &mut Engine) -> Result<(), Infallible> {
        engine.remove_maintainer(self.maintainer);
        Ok(())
    }
}

impl Engine {
    /// A cluster is maintained by members and teams of its own organization.
    pub(super) fn check_maintainer(
        &self,
        organization: OrganizationKey,
        maintainer: Maintainer,
    ) -> Result<(), Invalid> {
        let is_here = match maintainer {
            Maintainer::User(user) => self.is_member(organization, user),
            Maintainer::Team(team) => self.team(team).organization == organization,
        };
        if is_here {
            return Ok(());
        }
        Err(Invalid::Unknown(word(maintainer)))
    }

    pub(super) fn is_maintained_by(&self, cluster: ClusterKey, maintainer: Maintainer) -> bool {
        let mut known = self.maintainers_of(cluster).into_iter();
        known.any(|key| self.maintenance(key).maintainer == maintainer)
    }

    pub(super) fn insert_maintainer(
        &mut self,
        cluster: ClusterKey,
        maintainer: Maintainer,
    ) -> MaintainerKey {
        let key = self.clusters.maintainers.next_key();
        let id = self.mint(Kind::ClusterMaintainer, key);
        self.clusters.maintainers.push(Maintenance {
            id,
            cluster,
            maintainer,
        });
        self.clusters.maintainers_by_cluster.insert(cluster, key);
        key
    }
}
