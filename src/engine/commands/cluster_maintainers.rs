//! Who maintains a cluster. The users of the fake may do everything, so nothing goes by it.
//!
//! Source: Buildkite docs, "Cluster maintainers".

use std::convert::Infallible;

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
        if engine.is_maintained_by(self.cluster, self.maintainer) {
            let field = match self.maintainer {
                Maintainer::User(_) => "User",
            };
            return Err(Invalid::Taken(field).into());
        }
        Ok(engine.insert_maintainer(self.cluster, self.maintainer))
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
        self.clusters
            .maintainers_by_cluster
            .insert_mut((cluster, key));
        key
    }
}
