#![doc = include_str!("guide/guide.md")]

#[doc = include_str!("guide/first_test.md")]
pub mod first_test {}

#[doc = include_str!("guide/time.md")]
pub mod time {}

#[doc = include_str!("guide/scripts.md")]
pub mod scripts {}

#[doc = include_str!("guide/by_hand.md")]
pub mod by_hand {}

#[doc = include_str!("guide/history.md")]
pub mod history {}

#[doc = include_str!("guide/faults.md")]
pub mod faults {}

#[doc = include_str!("guide/webhooks.md")]
pub mod webhooks {}

#[doc = include_str!("guide/snapshots.md")]
pub mod snapshots {}

#[doc = include_str!("guide/organizations.md")]
pub mod organizations {}

#[doc = include_str!("guide/agents.md")]
pub mod agents {}

#[doc = include_str!("guide/clients.md")]
pub mod clients {}

#[doc = include_str!("guide/fidelity.md")]
pub mod fidelity {}

#[doc = include_str!("guide/recipes.md")]
pub mod recipes {
    #[doc = include_str!("guide/recipes/poller.md")]
    pub mod poller {}

    #[doc = include_str!("guide/recipes/retry_bot.md")]
    pub mod retry_bot {}

    #[doc = include_str!("guide/recipes/merge_queue.md")]
    pub mod merge_queue {}

    #[doc = include_str!("guide/recipes/unblock_with_fields.md")]
    pub mod unblock_with_fields {}

    #[doc = include_str!("guide/recipes/cancel_race.md")]
    pub mod cancel_race {}

    #[doc = include_str!("guide/recipes/rate_limit.md")]
    pub mod rate_limit {}

    #[doc = include_str!("guide/recipes/pagination.md")]
    pub mod pagination {}

    #[doc = include_str!("guide/recipes/artifact_download.md")]
    pub mod artifact_download {}

    #[doc = include_str!("guide/recipes/log_follower.md")]
    pub mod log_follower {}

    #[doc = include_str!("guide/recipes/nightly_schedule.md")]
    pub mod nightly_schedule {}

    #[doc = include_str!("guide/recipes/triggered_builds.md")]
    pub mod triggered_builds {}

    #[doc = include_str!("guide/recipes/concurrency_groups.md")]
    pub mod concurrency_groups {}

    #[doc = include_str!("guide/recipes/flaky_tests.md")]
    pub mod flaky_tests {}

    #[doc = include_str!("guide/recipes/webhook_receiver.md")]
    pub mod webhook_receiver {}

    #[doc = include_str!("guide/recipes/dashboard.md")]
    pub mod dashboard {}

    #[doc = include_str!("guide/recipes/lost_agent.md")]
    pub mod lost_agent {}

    #[doc = include_str!("guide/recipes/permission_errors.md")]
    pub mod permission_errors {}

    #[doc = include_str!("guide/recipes/archived_pipeline.md")]
    pub mod archived_pipeline {}

    #[doc = include_str!("guide/recipes/rebuild.md")]
    pub mod rebuild {}

    #[doc = include_str!("guide/recipes/dynamic_pipeline.md")]
    pub mod dynamic_pipeline {}
}
