//! Who maintains a cluster: list, get, add, remove. Administrators say who does.
//!
//! Source: Buildkite docs, "Cluster maintainers".

use crate::engine::account::OrganizationKey;
use crate::engine::cluster::{Invalid, Maintainer, MaintainerKey, NotValid};
use crate::engine::commands::{AddMaintainer, RemoveMaintainer};
use crate::http::Cx;
use crate::http::error::ApiError;
use crate::http::fields::Fields;
use crate::http::reply::Reply;
use crate::http::rest::clusters::gone;
use crate::vocabulary::ids::{TeamId, UserId};
use crate::wire::cluster::MaintainerJson;

/// All of them, on one page.
pub(super) fn list(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let cluster = cx.cluster()?;
    let mut all = cx.engine.maintainers_of(cluster);
    all.retain(|key| cx.engine.sees_maintainer(Some(cx.user), *key));
    let view = cx.view();
    let all: Vec<_> = all
        .into_iter()
        .map(|key| MaintainerJson::new(&view, key))
        .collect();
    Ok(Cx::show(&view, 200, &all))
}

pub(super) fn get(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let maintainer = cx.maintainer()?;
    Ok(show(cx, 200, maintainer))
}

pub(super) fn add(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let cluster = cx.cluster()?;
    let organization = cx.engine.cluster(cluster).organization;
    cx.check_admin(organization)?;
    let mut body = Fields::parse(&cx.request.body)?;
    let maintainer = maintainer(cx, organization, &mut body);
    body.check_in_words()?;
    let maintainer = maintainer.map_err(NotValid::from)?;
    let added = cx.apply(AddMaintainer {
        cluster,
        maintainer,
    })?;
    Ok(show(cx, 201, added))
}

pub(super) fn remove(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let maintainer = cx.maintainer()?;
    let cluster = cx.engine.maintenance(maintainer).cluster;
    cx.check_admin(cx.engine.cluster(cluster).organization)?;
    let Ok(()) = cx.apply(RemoveMaintainer { maintainer });
    Ok(gone())
}

fn show(cx: &Cx<'_>, status: u16, maintainer: MaintainerKey) -> Reply {
    let view = cx.view();
    Cx::show(&view, status, &MaintainerJson::new(&view, maintainer))
}

/// Who is to maintain: `{user: id}` or `{team: id}`, of this organization. What is no id is marked in the body.
///
/// Chosen: of both, the user; a team that the reader does not see does not exist for them.
pub(super) fn maintainer(
    cx: &Cx<'_>,
    organization: OrganizationKey,
    body: &mut Fields,
) -> Result<Maintainer, Invalid> {
    let (user, team) = (body.id("user"), body.id("team"));
    match (user, team) {
        (Some(id), _) => {
            let found = cx.engine.user_by_id(UserId(id));
            let found = found.filter(|user| cx.engine.is_member(organization, *user));
            found.map(Maintainer::User).ok_or(Invalid::Unknown("User"))
        }
        (None, Some(id)) => {
            let found = cx.engine.team_by_id(organization, TeamId(id));
            let found = found.filter(|team| cx.engine.sees_team(cx.user, *team));
            found.map(Maintainer::Team).ok_or(Invalid::Unknown("Team"))
        }
        (None, None) => Err(Invalid::NoMaintainer),
    }
}

impl Cx<'_> {
    fn maintainer(&mut self) -> Result<MaintainerKey, ApiError> {
        let cluster = self.cluster()?;
        let id = self.place.maintainer.parse().ok();
        let mut all = self.engine.maintainers_of(cluster).into_iter();
        let found = all.find(|key| Some(self.engine.maintenance(*key).id) == id);
        found
            .filter(|key| self.engine.sees_maintainer(Some(self.user), *key))
            .ok_or_else(|| ApiError::not_found("cluster maintainer"))
    }
}
