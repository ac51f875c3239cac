//! The answer to a question that a script asked of the test.

use std::convert::Infallible;

use crate::engine::job::JobKey;
use crate::engine::{Command, Engine};
use crate::script::RuleKey;

/// Whether this rule is for this job.
pub(crate) struct Judge {
    pub(crate) job: JobKey,
    pub(crate) rule: RuleKey,
    pub(crate) verdict: bool,
}

impl Command for Judge {
    type Output = ();
    type Refused = Infallible;

    fn apply(self, engine: &mut Engine) -> Result<(), Infallible> {
        engine.judge(self.job, self.rule, self.verdict);
        Ok(())
    }
}
