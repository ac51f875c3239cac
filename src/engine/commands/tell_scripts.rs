//! A test tells, or changes, what the jobs of a pipeline will do.

use std::convert::Infallible;

use crate::engine::pipeline::PipelineKey;
use crate::engine::{Command, Engine};
use crate::script::Scripts;

/// Jobs that wait to be picked up go by what their scripts say now.
pub(crate) struct TellScripts<F> {
    pub(crate) pipeline: PipelineKey,
    pub(crate) tell: F,
}

impl<T, F: FnOnce(&mut Scripts) -> T> Command for TellScripts<F> {
    type Output = T;
    type Refused = Infallible;

    fn apply(self, engine: &mut Engine) -> Result<T, Infallible> {
        let told = (self.tell)(engine.scripts.change(self.pipeline));
        let open: Vec<_> = engine.open_builds(self.pipeline).collect();
        for build in open {
            if engine.tally(build).scheduled == 0 {
                continue;
            }
            let jobs: Vec<_> = engine.jobs_of(build).map(|(key, _)| key).collect();
            for job in jobs {
                engine.look_again_when_picked_up(job);
            }
        }
        Ok(told)
    }
}
