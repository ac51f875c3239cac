//! The queues of a cluster: list, get, create, update, delete, pause, resume. Its maintainers change them.
//!
//! Source: Buildkite docs, "Queues"; "Manage queues", section "Pause and resume a queue".

use std::sync::Arc;

use crate::engine::cluster::{Affinity, QueueKey};
use crate::engine::commands::{
    CreateQueue, DeleteQueue, PauseQueue, ResumeQueue, UpdateQueue, WantedShape,
};
use crate::http::Cx;
use crate::http::error::ApiError;
use crate::http::fields::Fields;
use crate::http::reply::Reply;
use crate::http::rest::clusters::gone;
use crate::http::rest::listed;
use crate::vocabulary::ids::QueueId;
use crate::wire::cluster::QueueJson;

pub(super) fn list(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let cluster = cx.cluster()?;
    let all = cx.engine.queues_of(cluster);
    let view = cx.view();
    Ok(cx.list(&view, &all, |key| QueueJson::new(&view, key)))
}

pub(super) fn get(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let queue = cx.queue()?;
    Ok(show(cx, 200, queue))
}

pub(super) fn create(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let cluster = cx.cluster_to_change()?;
    let mut body = Fields::parse(&cx.request.body)?;
    let key = body.text("key").unwrap_or_default();
    let description = body.text("description");
    let affinity = affinity(&mut body);
    let hosted = hosted(&mut body);
    body.check_in_words()?;
    let created_by = Some(cx.engine.token(cx.token).user);
    let queue = cx.apply(CreateQueue {
        cluster,
        key: key.into(),
        description,
        affinity,
        hosted,
        created_by,
    })?;
    Ok(show(cx, 201, queue))
}

pub(super) fn update(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let queue = cx.queue()?;
    cx.check_maintains_cluster(cx.engine.cluster_queue(queue).cluster)?;
    let mut body = Fields::parse(&cx.request.body)?;
    let description = if body.has("description") {
        body.text("description")
    } else {
        cx.engine.cluster_queue(queue).description.clone()
    };
    let affinity = affinity(&mut body);
    let hosted = hosted(&mut body);
    body.check_in_words()?;
    cx.apply(UpdateQueue {
        queue,
        description,
        affinity,
        hosted,
    })?;
    Ok(show(cx, 200, queue))
}

pub(super) fn delete(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let queue = cx.queue()?;
    cx.check_maintains_cluster(cx.engine.cluster_queue(queue).cluster)?;
    cx.apply(DeleteQueue { queue })?;
    Ok(gone())
}

/// Only `dispatch_paused_note` is understood: a recorded request that sends `note` got none.
pub(super) fn pause(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let queue = cx.queue()?;
    cx.check_maintains_cluster(cx.engine.cluster_queue(queue).cluster)?;
    let mut body = Fields::parse(&cx.request.body)?;
    let note = body.text("dispatch_paused_note");
    body.check_in_words()?;
    let by = Some(cx.engine.token(cx.token).user);
    let note = note.filter(|note| !note.is_empty()).map(Arc::from);
    cx.apply(PauseQueue { queue, note, by })?;
    Ok(show(cx, 200, queue))
}

pub(super) fn resume(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let queue = cx.queue()?;
    cx.check_maintains_cluster(cx.engine.cluster_queue(queue).cluster)?;
    Fields::parse(&cx.request.body)?;
    cx.apply(ResumeQueue { queue })?;
    Ok(show(cx, 200, queue))
}

fn show(cx: &Cx<'_>, status: u16, queue: QueueKey) -> Reply {
    let view = cx.view();
    Cx::show(&view, status, &QueueJson::new(&view, queue))
}

fn affinity(body: &mut Fields) -> Option<Affinity> {
    let given = body.text("retry_agent_affinity")?;
    let all = Affinity::ALL.iter().copied();
    let found = all.into_iter().find(|affinity| affinity.word() == given);
    if found.is_none() {
        body.refuse("retry_agent_affinity", "invalid");
    }
    found
}

/// Its keys are written otherwise in requests than in answers.
fn hosted(body: &mut Fields) -> Option<WantedShape> {
    let mut given = body.object("hostedAgents")?;
    let wanted = WantedShape {
        name: given.text("instanceShape"),
        image: given.text("agentImageRef"),
    };
    body.absorb("hostedAgents", given);
    Some(wanted)
}

impl Cx<'_> {
    fn queue(&mut self) -> Result<QueueKey, ApiError> {
        let cluster = self.cluster()?;
        let id = self.place.queue.parse().ok().map(QueueId);
        let found = id.and_then(|id| self.engine.queue_by_id(cluster, id));
        found.ok_or_else(|| {
            let known = self.engine.queues_of(cluster).into_iter();
            let known = known.map(|key| {
                let queue = self.engine.cluster_queue(key);
                format!("{} (`{}`)", queue.id, queue.key)
            });
            self.aside.note = Some(format!(
                "there is no such queue; the cluster has {}",
                listed(known)
            ));
            ApiError::not_found("cluster queue")
        })
    }
}
