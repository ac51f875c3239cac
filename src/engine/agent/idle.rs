//! The agents that have nothing to do.

use crate::engine::agent::{AgentKey, Offer};
use crate::persistent::Index;

/// The agents that have nothing to do, by what they offer: whoever looks for one looks at the few different offers.
/// None of them is here without an agent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Idle(Index<Offer, Index<AgentKey, ()>>);

impl Idle {
    pub(crate) fn new() -> Self {
        Self(Index::new())
    }

    pub(crate) fn add(&mut self, offer: Offer, agent: AgentKey) {
        if let Some(agents) = self.0.get_mut(&offer) {
            agents.insert(agent, ());
            return;
        }
        let mut agents = Index::new();
        agents.insert(agent, ());
        self.0.insert(offer, agents);
    }

    /// Takes the longest-known idle agent with exactly this offer.
    pub(crate) fn take(&mut self, offer: &Offer) -> Option<AgentKey> {
        let (agent, ()) = self.0.get(offer)?.first()?;
        let agent = *agent;
        self.remove(offer, agent);
        Some(agent)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every offer, and who makes it.
    pub(crate) fn by_offer(
        &self,
    ) -> impl Iterator<Item = (&Offer, impl Iterator<Item = AgentKey> + '_)> {
        self.0.iter().map(|(offer, agents)| {
            let agents = agents.iter().map(|(agent, ())| *agent);
            (offer, agents)
        })
    }

    pub(crate) fn remove(&mut self, offer: &Offer, agent: AgentKey) {
        let Some(agents) = self.0.get_mut(offer) else {
            return;
        };
        agents.remove(&agent);
        if agents.is_empty() {
            self.0.remove(offer);
        }
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn all(&self) -> impl Iterator<Item = AgentKey> + '_ {
        self.by_offer().flat_map(|(_, agents)| agents)
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn contains(&self, offer: &Offer, agent: AgentKey) -> bool {
        let agents = self.0.get(offer);
        agents.is_some_and(|agents| agents.contains(&agent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::account::OrganizationKey;
    use crate::engine::agent::tags_for;
    use crate::engine::cluster::QueueKey;
    use crate::engine::table::Key as _;

    #[test]
    fn an_idle_agent_is_taken_once_and_only_for_its_tags() {
        let offer = |organization, rules: &[String]| Offer {
            organization: OrganizationKey::from_row(organization),
            queue: None,
            tags: tags_for(rules),
        };
        let (deploy, default) = (offer(0, &["queue=deploy".to_owned()]), offer(0, &[]));
        let elsewhere = offer(1, &["queue=deploy".to_owned()]);
        let clustered = Offer {
            queue: Some(QueueKey::from_row(0)),
            ..deploy.clone()
        };
        let mut idle = Idle::new();
        idle.add(deploy.clone(), AgentKey::from_row(4));
        assert_eq!(idle.take(&default), None);
        assert_eq!(idle.take(&elsewhere), None);
        assert_eq!(idle.take(&clustered), None);
        assert_eq!(idle.take(&deploy), Some(AgentKey::from_row(4)));
        assert_eq!(idle.take(&deploy), None);
    }
}
