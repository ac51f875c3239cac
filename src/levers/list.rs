//! Which levers there are, and which one a path means.

use std::fmt;

use crate::vocabulary::likeness::mistyped;

macro_rules! levers {
    ($($variant:ident = $method:literal $path:literal $([$($parameter:literal),*])? $what:literal,)*) => {
        /// A lever.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Lever {
            $($variant,)*
        }

        impl Lever {
            pub(super) const ALL: &'static [Self] = &[$(Self::$variant),*];

            fn method(self) -> &'static str {
                match self {
                    $(Self::$variant => $method,)*
                }
            }

            /// Below `/_fake/`, its variable parts in braces.
            fn path(self) -> &'static str {
                match self {
                    $(Self::$variant => $path,)*
                }
            }

            /// The parameters that its query may have.
            pub(super) fn parameters(self) -> &'static [&'static str] {
                match self {
                    $(Self::$variant => &[$($($parameter),*)?],)*
                }
            }

            /// What it does, in a few words.
            pub(super) fn what(self) -> &'static str {
                match self {
                    $(Self::$variant => $what,)*
                }
            }
        }
    };
}

levers! {
    List = "GET" "" "every lever",
    ShowClock = "GET" "clock" "what the clock says, and what moves it",
    Advance = "POST" "clock/advance" "moves the clock by a span: {\"by\": \"3m\"}",
    AdvanceTo = "POST" "clock/advance_to" "moves the clock to an instant: {\"instant\": \"2030-01-01T09:00:00Z\"}",
    Step = "POST" "clock/step" "moves the clock to the next due thing, and does only that",
    RunUntilIdle = "POST" "clock/run_until_idle" "moves the clock until nothing is due that moves a build forward",
    CreatePipeline = "POST" "pipelines" "makes a pipeline: {\"name\": \"app\", \"steps\": \"steps: [..]\"}",
    TellScript = "POST" "pipelines/{slug}/scripts" "says what a job will do: {\"job\": \"test\", \"attempts\": [{\"takes\": \"3m\", \"exits\": 1}]}",
    CreateBuild = "POST" "pipelines/{slug}/builds" "makes a build: {\"branch\": \"main\"}; everything may be left out",
    ShowBuild = "GET" "pipelines/{slug}/builds/{number}" "a build and its jobs, in short",
    ShowTimeline = "GET" "pipelines/{slug}/builds/{number}/timeline" ["as"] "a build over time, as text; ?as=svg, ?as=html",
    PassBuild = "POST" "pipelines/{slug}/builds/{number}/pass" "passes everything of a build",
    FailBuild = "POST" "pipelines/{slug}/builds/{number}/fail" "fails what runs next in a build",
    CancelBuild = "POST" "pipelines/{slug}/builds/{number}/cancel" "cancels a build",
    RebuildBuild = "POST" "pipelines/{slug}/builds/{number}/rebuild" "makes a new build from a build",
    ShowJob = "GET" "jobs/{id}" "a job, in short, with its history",
    StartJob = "POST" "jobs/{id}/start" "an agent takes a job and starts it",
    FinishJob = "POST" "jobs/{id}/finish" "the command of a job ends: {\"exit_status\": 1}; 0 if left out",
    CancelJob = "POST" "jobs/{id}/cancel" "cancels a job alone",
    TimeOutJob = "POST" "jobs/{id}/time_out" "the time of a job is up",
    ExpireJob = "POST" "jobs/{id}/expire" "no agent took a job in time",
    SilenceAgent = "POST" "jobs/{id}/silence_agent" "the agent of a job is not heard of from now on",
    LoseAgent = "POST" "jobs/{id}/lose_agent" "the agent of a job is lost",
    PromiseFailure = "POST" "jobs/{id}/promise_failure" "a job says beforehand that it will fail: {\"exit_status\": 1}",
    UnblockJob = "POST" "jobs/{id}/unblock" "a person unblocks a block or input step: {\"fields\": {..}}",
    RetryJob = "POST" "jobs/{id}/retry" "retries a job",
    WriteLog = "POST" "jobs/{id}/log" "the command of a job prints: {\"text\": \"..\"}",
    UploadArtifact = "POST" "jobs/{id}/artifacts" "a job uploads a file: {\"path\": \"a.txt\", \"content\": \"..\"}, or content_base64",
    Annotate = "POST" "jobs/{id}/annotations" "a job annotates its build: {\"body\": \"..\", \"style\": \"error\"}",
    UploadPipeline = "POST" "jobs/{id}/pipeline_uploads" "a job uploads steps: {\"steps\": \"..\"}",
    OrderFault = "POST" "faults" "something goes wrong: {\"route\": \"GetBuild\", \"nth\": 3, \"status\": 502}",
    ListFaults = "GET" "faults" "the faults that were ordered, and how often each came",
    LiftFault = "DELETE" "faults/{number}" "a fault comes no more; answers with how often it came",
    Hold = "POST" "gates" "holds requests back: {\"route\": \"CancelBuild\"}, \"every\": true for all of them",
    ShowGate = "GET" "gates/{number}" "how many requests wait at a gate",
    LetOnePass = "POST" "gates/{number}/let_one_pass" "lets the first request at a gate go on",
    Release = "DELETE" "gates/{number}" "opens a gate for good",
    CreateWebhook = "POST" "webhooks" "tells an address what happens: {\"url\": \"..\", \"events\": [\"build.finished\"], \"signed_with\": \"..\"}",
    ListDeliveries = "GET" "webhooks/{number}/deliveries" "what a webhook was told",
    DeleteWebhook = "DELETE" "webhooks/{number}" "a webhook is told no more",
    ListRequests = "GET" "requests" ["route", "after"] "the requests of the program under test; ?route=CreateBuild, ?after=10",
    ListEvents = "GET" "events" ["after"] "what happened; ?after=10",
    Verify = "GET" "verify" "whether everything that was ordered happened, and nothing that nobody serves was asked for",
    TakeSnapshot = "POST" "snapshots" "remembers the world as it is",
    Rewind = "POST" "snapshots/{number}/rewind" "goes back to a world that was remembered",
    ForgetSnapshot = "DELETE" "snapshots/{number}" "forgets a world that was remembered",
    Fork = "POST" "forks" "starts another fake, on a port of its own, that goes on from here",
    CloseFork = "DELETE" "forks/{number}" "ends a fork",
    Reset = "POST" "reset" "goes back to how everything was at the start",
}

impl Lever {
    /// Whether it reads a body; whoever else is sent one must not be told anything in it.
    pub(super) fn takes_body(self) -> bool {
        self.method() == "POST"
    }
}

/// The variable parts of a path, in their order.
pub(super) type Parts<'p> = Vec<&'p str>;

/// The lever that a path means; `path` is its segments behind `_fake`.
pub(super) fn find<'p>(method: &str, path: &[&'p str]) -> Option<(Lever, Parts<'p>)> {
    let mut levers = Lever::ALL.iter().filter(|lever| lever.method() == method);
    levers.find_map(|lever| Some((*lever, fit(lever.path(), path)?)))
}

/// The methods of the levers with this path.
pub(super) fn methods(path: &[&str]) -> Vec<&'static str> {
    let levers = Lever::ALL.iter();
    let levers = levers.filter(|lever| fit(lever.path(), path).is_some());
    levers.map(|lever| lever.method()).collect()
}

/// The lever that a path without one was probably meant for; of several with one path that with this method.
pub(super) fn nearest(method: &str, path: &str) -> Option<Lever> {
    let path = path.trim_start_matches("/_fake").trim_matches('/');
    let found = mistyped(path, Lever::ALL.iter().map(|lever| lever.path()))?;
    let levers = || Lever::ALL.iter().filter(|lever| lever.path() == found);
    let mut of_method = levers().filter(|lever| lever.method() == method);
    of_method.next().or_else(|| levers().next()).copied()
}

fn fit<'p>(template: &str, path: &[&'p str]) -> Option<Parts<'p>> {
    let mut wanted = template.split('/').filter(|segment| !segment.is_empty());
    let mut parts = Vec::new();
    for given in path {
        let wanted = wanted.next()?;
        if wanted.starts_with('{') {
            parts.push(*given);
        } else if wanted != *given {
            return None;
        }
    }
    wanted.next().is_none().then_some(parts)
}

impl fmt::Display for Lever {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} /_fake/{}", self.method(), self.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lever_is_found_by_its_own_path() {
        for lever in Lever::ALL {
            let path: Vec<_> = lever
                .path()
                .split('/')
                .filter(|it| !it.is_empty())
                .collect();
            let (found, parts) = find(lever.method(), &path).expect("a lever");
            assert_eq!(found, *lever);
            let variable = path.iter().filter(|segment| segment.starts_with('{'));
            assert_eq!(parts, variable.copied().collect::<Vec<_>>());
        }
        for (method, path, lever) in [
            ("POST", "/_fake/clock/advanc", Some(Lever::Advance)),
            ("DELETE", "/_fake/fault", Some(Lever::OrderFault)),
            ("GET", "/_fake/fault", Some(Lever::ListFaults)),
            ("GET", "/_fake/jobs", None),
            ("GET", "/_fake/x", None),
        ] {
            assert_eq!(nearest(method, path), lever, "{method} {path}");
        }
        assert_eq!(find("GET", &["clock", "advance"]), None);
        assert_eq!(find("POST", &["jobs"]), None);
        assert_eq!(find("POST", &["jobs", "1", "start", "now"]), None);
    }
}
