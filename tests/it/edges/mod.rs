//! The edges of the state diagrams: every row of the printed tables, taken by a test that says so.
//!
//! The tables are those of the sources, so that a new row without a test fails here, and so does a row that is gone.
//! What a scenario took is read back from the events and from REST, never from the scenario itself.

mod agents;
mod builds;
mod jobs;
mod trail;

use std::collections::BTreeSet;

use fake_buildkite::FakeBuildkite;

use crate::edges::trail::{Row, rows};
use crate::story::Story;

/// What a scenario leaves behind.
struct Told {
    fake: FakeBuildkite,
    /// The ids of the jobs that a client found as `limited` on the way: REST calls them `scheduled` otherwise.
    limited: Vec<String>,
}

impl From<FakeBuildkite> for Told {
    fn from(fake: FakeBuildkite) -> Self {
        Self {
            fake,
            limited: Vec::new(),
        }
    }
}

impl From<Story> for Told {
    fn from(story: Story) -> Self {
        story.fake.into()
    }
}

/// Each scenario becomes a test of its own, and its edges become part of what is taken. An edge is written as the table
/// has it, for one of the states it begins in.
macro_rules! edges {
    ($($room:ident::$scenario:ident takes $($edge:literal),+;)*) => {
        $(
            #[test]
            fn $scenario() {
                check(&[$($edge),+], &$room::$scenario().into());
            }
        )*

        /// Every edge that is taken, and the name of the test that takes it.
        const TAKEN: &[(&str, &str)] = &[$($(($edge, stringify!($scenario)),)+)*];
    };
}

edges! {
    builds::b2_a_build_is_scheduled_once_its_steps_are_jobs takes
        "build creating jobs_created -> scheduled";
    builds::b3_a_build_of_excluded_steps_alone_does_not_run takes
        "build creating nothing_to_run -> not_run";
    builds::b3_a_build_whose_only_triggered_build_was_skipped_did_not_run takes
        "build running nothing_to_run -> not_run";
    builds::b4_a_newer_build_skips_one_that_has_not_started takes
        "build scheduled skip -> skipped";
    builds::b5_a_build_runs_with_its_first_command takes
        "build scheduled start -> running";
    builds::b5_a_build_runs_with_its_first_trigger_step takes
        "build scheduled start -> running";
    builds::b6_a_build_that_begins_with_a_block_step_is_blocked takes
        "build scheduled block -> blocked";
    builds::b7_a_build_that_has_not_started_is_canceled_at_once takes
        "build scheduled cancel -> canceled";
    builds::b8_a_build_passes_with_its_last_job takes
        "build running pass -> passed";
    builds::b8_a_build_of_wait_steps_passes_without_having_run takes
        "build scheduled pass -> passed";
    builds::b9_a_build_fails_with_its_last_job takes
        "build running fail -> failed";
    builds::b9_a_build_whose_only_job_expires_fails_without_having_run takes
        "build scheduled fail -> failed";
    builds::b10_a_build_with_a_failure_and_more_to_do_is_failing takes
        "build running fail_early -> failing";
    builds::b11_a_failing_build_runs_when_what_failed_is_retried takes
        "build failing resume -> running";
    builds::b12_a_failing_build_fails_when_nothing_is_left_to_do takes
        "build failing fail -> failed";
    builds::b13_a_build_that_needs_a_person_is_blocked takes
        "build running block -> blocked";
    builds::b14_a_blocked_build_runs_when_a_person_unblocks_it takes
        "build blocked resume -> running";
    builds::b15_a_blocked_build_is_canceled_at_once takes
        "build blocked cancel -> canceled";
    builds::a_blocked_build_fails_when_what_waits_in_it_is_canceled takes
        "build blocked fail -> failed";
    builds::b16_a_running_build_is_canceling_while_an_agent_stops takes
        "build running cancel_running -> canceling";
    builds::b16_a_failing_build_is_canceling_while_an_agent_stops takes
        "build failing cancel_running -> canceling";
    builds::b16_a_running_build_without_a_job_on_an_agent_is_canceled_at_once takes
        "build running cancel -> canceled";
    builds::b16_a_failing_build_without_a_job_on_an_agent_is_canceled_at_once takes
        "build failing cancel -> canceled";
    builds::b17_a_canceling_build_is_canceled_with_the_last_report takes
        "build canceling last_job_reported -> canceled";
    builds::b18_a_passed_build_runs_when_a_job_is_retried takes
        "build passed resume -> running";
    builds::b19_a_failed_build_runs_when_a_job_is_retried takes
        "build failed resume -> running";

    jobs::an_excluded_command_is_broken takes
        "script pending break -> broken";
    jobs::a_command_is_scheduled_handed_out_and_passes takes
        "script pending ready -> scheduled",
        "script scheduled assign -> assigned",
        "script assigned accept -> accepted",
        "script accepted start -> running",
        "script running succeed -> passed";
    jobs::a_command_behind_a_wait_step_waits_for_it takes
        "script pending wait -> waiting",
        "script waiting ready -> scheduled";
    jobs::a_command_in_a_free_group_is_scheduled_through_its_limit takes
        "script pending limit -> limiting",
        "script limiting slot_free -> scheduled";
    jobs::a_command_in_a_full_group_is_limited_until_a_slot_is_free takes
        "script limiting slot_taken -> limited",
        "script limited slot_free -> scheduled";
    jobs::a_command_comes_to_its_group_when_what_it_waits_for_is_there takes
        "script waiting limit -> limiting";
    jobs::a_command_behind_a_failure_gives_up_and_waits_again_after_a_retry takes
        "script waiting dependency_failed -> waiting_failed",
        "script waiting_failed dependency_retried -> waiting";
    jobs::a_retry_whose_dependency_has_failed_meanwhile_gives_up_at_once takes
        "script pending dependency_failed -> waiting_failed";
    jobs::a_command_that_exits_with_another_status_fails takes
        "script running fail -> failed";
    jobs::a_running_command_whose_agent_is_lost_fails takes
        "script running lose_agent -> failed";
    jobs::a_canceled_command_is_canceling_until_its_agent_has_stopped_it takes
        "script running cancel -> canceling",
        "script canceling fail -> canceled";
    jobs::a_canceled_command_that_ends_well_just_then_is_canceled_all_the_same takes
        "script canceling succeed -> canceled";
    jobs::a_canceled_command_whose_agent_is_lost_is_canceled takes
        "script canceling lose_agent -> canceled";
    jobs::a_command_whose_time_is_up_is_stopped_and_timed_out takes
        "script running time_out -> timing_out",
        "script timing_out fail -> timed_out";
    jobs::a_command_that_ends_well_while_it_is_stopped_passes takes
        "script timing_out succeed -> passed";
    jobs::a_command_whose_time_is_up_and_whose_agent_is_lost_is_timed_out takes
        "script timing_out lose_agent -> timed_out";
    jobs::a_command_that_nobody_picks_up_expires takes
        "script scheduled expire -> expired";
    jobs::commands_that_are_with_no_agent_are_canceled_with_their_build takes
        "script waiting cancel -> canceled",
        "script scheduled cancel -> canceled",
        "script limited cancel -> canceled";
    jobs::a_command_can_be_canceled_at_the_instant_it_comes_to_its_group takes
        "script limiting cancel -> canceled";
    jobs::commands_are_skipped_with_their_build takes
        "script waiting skip -> skipped",
        "script scheduled skip -> skipped",
        "script limited skip -> skipped",
        "script broken skip -> skipped";
    jobs::a_command_can_be_skipped_at_the_instant_it_comes_to_its_group takes
        "script limiting skip -> skipped";

    jobs::a_wait_step_beside_a_block_step_is_broken takes
        "waiter pending break -> broken";
    jobs::a_wait_step_waits_for_what_is_before_it takes
        "waiter pending wait -> waiting",
        "waiter waiting ready -> passed";
    jobs::a_wait_step_behind_nothing_passes_at_once takes
        "waiter pending ready -> passed";
    jobs::a_wait_step_behind_a_failure_gives_up_and_waits_again_after_a_retry takes
        "waiter waiting dependency_failed -> waiting_failed",
        "waiter waiting_failed dependency_retried -> waiting";
    jobs::a_wait_step_is_canceled_with_its_build takes
        "waiter waiting cancel -> canceled";
    jobs::wait_steps_are_skipped_with_their_build takes
        "waiter waiting skip -> skipped",
        "waiter broken skip -> skipped";

    jobs::an_excluded_block_step_is_broken takes
        "manual pending break -> broken";
    jobs::a_block_step_is_blocked_until_a_person_unblocks_it takes
        "manual pending block -> blocked",
        "manual blocked unblock -> unblocked";
    jobs::a_block_step_behind_a_failure_gives_up_and_is_blocked_again_after_a_retry takes
        "manual blocked dependency_failed -> blocked_failed",
        "manual blocked_failed dependency_retried -> blocked";
    jobs::an_early_unblock_is_lost_with_a_failure_and_comes_back_with_a_retry takes
        "manual unblocked dependency_failed -> unblocked_failed",
        "manual unblocked_failed dependency_retried -> unblocked";
    jobs::block_steps_are_canceled_with_their_build takes
        "manual blocked cancel -> canceled",
        "manual unblocked cancel -> canceled";
    jobs::block_steps_are_skipped_with_their_build takes
        "manual blocked skip -> skipped",
        "manual broken skip -> skipped";

    jobs::an_excluded_trigger_step_is_broken takes
        "trigger pending break -> broken";
    jobs::a_trigger_step_makes_its_build_and_passes_with_it takes
        "trigger pending ready -> scheduled",
        "trigger scheduled start -> running",
        "trigger running succeed -> passed";
    jobs::a_trigger_step_behind_a_wait_step_waits_for_it takes
        "trigger pending wait -> waiting",
        "trigger waiting ready -> scheduled";
    jobs::a_trigger_step_behind_a_failure_gives_up_and_waits_again_after_a_retry takes
        "trigger waiting dependency_failed -> waiting_failed",
        "trigger waiting_failed dependency_retried -> waiting";
    jobs::a_trigger_step_for_a_pipeline_nobody_has_fails takes
        "trigger scheduled fail -> failed";
    jobs::a_trigger_step_fails_with_its_build takes
        "trigger running fail -> failed";
    jobs::a_trigger_step_is_canceling_until_its_build_has_stopped takes
        "trigger running cancel -> canceling",
        "trigger canceling fail -> canceled";
    jobs::a_trigger_step_that_waits_is_canceled_with_its_build takes
        "trigger waiting cancel -> canceled";
    jobs::a_trigger_step_can_be_canceled_before_it_makes_its_build takes
        "trigger scheduled cancel -> canceled";
    jobs::trigger_steps_are_skipped_with_their_build takes
        "trigger waiting skip -> skipped",
        "trigger broken skip -> skipped";
    jobs::a_trigger_step_can_be_skipped_before_it_makes_its_build takes
        "trigger scheduled skip -> skipped";
    jobs::a_trigger_step_is_skipped_with_the_build_it_made takes
        "trigger running skip -> skipped";

    agents::an_agent_is_paused_and_resumed takes
        "agent connected pause -> paused",
        "agent paused resume -> connected";
    agents::an_agent_that_is_told_to_stop_goes_when_its_job_has_ended takes
        "agent connected stop -> stopping",
        "agent stopping leave -> stopped";
    agents::a_paused_agent_is_stopped takes
        "agent paused stop -> stopping";
    agents::an_agent_goes_by_itself takes
        "agent connected leave -> disconnected";
    agents::a_paused_agent_goes_by_itself takes
        "agent paused leave -> disconnected";
    agents::an_agent_that_is_not_heard_of_is_lost takes
        "agent connected lose -> lost";
    agents::a_paused_agent_that_is_not_heard_of_is_lost takes
        "agent paused lose -> lost";
    agents::a_stopping_agent_that_is_not_heard_of_is_lost takes
        "agent stopping lose -> lost";
}

/// A row of the tables, and whether some test takes it.
pub(crate) struct Edge {
    /// The table it is of: `build`, `agent`, or the type of a job.
    pub(crate) kind: String,
    pub(crate) text: String,
    pub(crate) is_taken: bool,
}

/// Every row of the tables.
pub(crate) fn all() -> Vec<Edge> {
    let edge = |row: Row| {
        let text = row.to_string();
        Edge {
            is_taken: TAKEN.iter().any(|(edge, _)| *edge == text),
            kind: row.kind,
            text,
        }
    };
    rows().into_iter().map(edge).collect()
}

/// Edges that nothing a client or a test can do leads along, and why.
pub(crate) const OUT_OF_REACH: &[(&str, &[&str])] = &[
    (
        "a build leaves `creating` before anything else can happen to it",
        &[
            "build creating skip -> skipped",
            "build creating cancel -> canceled",
        ],
    ),
    (
        "steps exclude themselves when the build is made, so that a build of nothing else never gets as far as `scheduled`",
        &["build scheduled nothing_to_run -> not_run"],
    ),
    (
        "a job leaves `pending` before anything else can happen to its build",
        &[
            "script pending cancel -> canceled",
            "script pending skip -> skipped",
            "waiter pending cancel -> canceled",
            "waiter pending skip -> skipped",
            "manual pending cancel -> canceled",
            "manual pending skip -> skipped",
            "trigger pending cancel -> canceled",
            "trigger pending skip -> skipped",
        ],
    ),
    (
        "only a retry is made when what it waits for has failed already, and only commands are retried",
        &[
            "waiter pending dependency_failed -> waiting_failed",
            "trigger pending dependency_failed -> waiting_failed",
        ],
    ),
    (
        "the build that a canceled trigger step waits for is canceled in the same instant, and does not pass any more",
        &["trigger canceling succeed -> canceled"],
    ),
    (
        "the fake has no plan, and so no limit of one",
        &[
            "script pending platform_limit -> platform_limiting",
            "script waiting platform_limit -> platform_limiting",
            "script platform_limiting slot_free -> scheduled",
            "script platform_limiting slot_taken -> platform_limited",
            "script platform_limited slot_free -> scheduled",
            "script platform_limiting cancel -> canceled",
            "script platform_limited cancel -> canceled",
            "script platform_limiting skip -> skipped",
            "script platform_limited skip -> skipped",
        ],
    ),
    (
        "there are no stacks that reserve jobs",
        &[
            "script scheduled reserve -> reserved",
            "script reserved lapse -> scheduled",
            "script reserved assign -> assigned",
            "script reserved cancel -> canceled",
            "script reserved skip -> skipped",
        ],
    ),
    (
        "a simulated agent accepts and starts a job in the instant it is given it",
        &[
            "script assigned lapse -> scheduled",
            "script accepted lapse -> scheduled",
            "script assigned cancel -> canceled",
            "script accepted cancel -> canceling",
            "script assigned skip -> skipped",
            "script accepted skip -> skipped",
            "script assigned lose_agent -> failed",
            "script accepted lose_agent -> failed",
        ],
    ),
];

/// Fails unless each of these edges was taken.
#[track_caller]
fn check(edges: &[&str], told: &Told) {
    let rows = rows();
    let taken = trail::taken(told, &rows);
    for edge in edges {
        assert!(
            taken.contains(*edge),
            "`{edge}` was not taken, but these were: {taken:#?}\n{}",
            told.fake.events()
        );
    }
}

#[test]
fn every_edge_of_the_tables_is_taken_by_a_test_or_said_to_be_out_of_reach() {
    let table: BTreeSet<String> = rows().iter().map(ToString::to_string).collect();
    let taken: BTreeSet<&str> = TAKEN.iter().map(|(edge, _)| *edge).collect();
    let out_of_reach = || OUT_OF_REACH.iter().flat_map(|(_, edges)| *edges).copied();
    let mut wrong = Vec::new();
    for edge in &table {
        let is_taken = taken.contains(edge.as_str());
        let times = out_of_reach().filter(|other| other == edge).count();
        match (is_taken, times) {
            (false, 0) => wrong.push(format!("no test takes `{edge}`")),
            (true, 1..) => wrong.push(format!("`{edge}` is taken, and said to be out of reach")),
            (false, 2..) => wrong.push(format!("`{edge}` is said to be out of reach twice")),
            (true, 0) | (false, 1) => {}
        }
    }
    for edge in taken.iter().copied().chain(out_of_reach()) {
        if !table.contains(edge) {
            wrong.push(format!("the tables have no `{edge}`"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_test_of_an_edge_of_builds_bears_its_number() {
    let rows = rows();
    for (edge, test) in TAKEN {
        let row = rows.iter().find(|row| row.to_string() == *edge);
        let Some(number) = row.and_then(|row: &Row| row.number.as_deref()) else {
            continue;
        };
        // The documented diagram does not draw it.
        if number == "-" {
            continue;
        }
        let prefix = format!("{}_", number.to_lowercase());
        assert!(test.starts_with(&prefix), "`{edge}` is {number}: {test}");
    }
}

#[test]
fn the_tables_are_read_as_they_are_printed() {
    let rows = rows();
    let printed = |kind: &str| rows.iter().filter(|row| row.kind == kind).count();
    for kind in ["build", "agent", "script", "waiter", "manual", "trigger"] {
        assert!(printed(kind) > 5, "{kind}: {rows:?}");
    }
    let first = rows.first().expect("a row");
    assert_eq!(
        first.to_string(),
        "build creating jobs_created -> scheduled"
    );
    assert_eq!(first.number.as_deref(), Some("B2"));
    let last = rows.last().expect("a row");
    assert_eq!(last.to_string(), "trigger broken skip -> skipped");
    assert_eq!(last.number, None);
}
