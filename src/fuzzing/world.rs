//! A little of everything, to be asked about: made once, and cloned for each input.

use std::sync::OnceLock;

use chrono::TimeDelta;

use crate::engine::Engine;
use crate::engine::commands::Judge;
use crate::engine::judging::Question;
use crate::fake::FakeBuildkite;
use crate::http::reply::Reply;
use crate::http::request::{Method, Request};
use crate::http::{Desk, Kept, Options, Rates, Tags};
use crate::script::Annotation;
use crate::vocabulary::access::Access;
use crate::vocabulary::role::MemberRole;
use crate::vocabulary::scope::Scope;
use crate::vocabulary::states::AnnotationScope;

const STEPS: &str = "steps: [{command: make, key: make}, {command: test, parallelism: 2, concurrency: 1, \
    concurrency_group: g}, wait, {block: Ship?, key: ship, fields: [{text: Name, key: name}]}, \
    {command: ship, agents: {queue: deploy}}]";

/// A world, and the tokens of those who may ask: the first may do everything.
pub(super) struct World {
    pub(super) engine: Engine,
    kept: Kept,
    rates: Rates,
    tags: Tags,
    options: Options,
    asked: u64,
}

struct Beginning {
    engine: Engine,
    tokens: Vec<String>,
}

fn beginning() -> &'static Beginning {
    static BEGINNING: OnceLock<Beginning> = OnceLock::new();
    BEGINNING.get_or_init(|| {
        let fake = FakeBuildkite::builder()
            .organization("acme")
            .organization("other")
            .allow_unknown_routes()
            .start();
        let tokens = fill(&fake);
        Beginning {
            engine: fake.snapshot().world().engine.clone(),
            tokens,
        }
    })
}

/// Two organizations, and others than the first user who may do less.
pub(super) fn fill(fake: &FakeBuildkite) -> Vec<String> {
    let (ada, bob) = (fake.add_user("Ada", "a@b.c"), fake.add_user("Bob", "b@b.c"));
    for name in ["acme", "other"] {
        let organization = fake.existing_organization(name);
        if organization.role_of(&ada).is_none() {
            organization.add_member(&ada, MemberRole::Member);
        }
        let app = organization.pipeline("app").steps(STEPS).create();
        let calls = organization.pipeline("calls");
        calls.steps("steps: [{trigger: app}]").create();
        let build = app.create_build();
        let make = build.job("make");
        make.start();
        make.write_log("\u{1b}[31mred\u{1b}[0m\n--- a\nline\n");
        make.upload_artifact("logs/a.log", "0123456789");
        make.annotate("a **b**");
        make.annotate(Annotation::new("b").scope(AnnotationScope::Job));
        make.upload_pipeline("steps: [{command: more}]");
        make.fail(1);
        app.create_build();
        app.schedule("@daily").create();
        let team = organization.team("team").create();
        team.add_member(&ada);
        team.add_pipeline(&app, Access::BuildAndRead);
    }
    let linux = fake.cluster("Linux").queue("deploy").create();
    linux.add_token("machines");
    let inside = fake.pipeline("inside").cluster(&linux).steps(STEPS);
    inside.create().create_build();
    let all = Scope::ALL.iter().copied();
    vec![
        fake.token().to_owned(),
        fake.token_for(&ada, all.clone()),
        fake.token_for(&bob, all),
        fake.token_for(&ada, [Scope::ReadBuilds]),
    ]
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            engine: beginning().engine.clone(),
            kept: Kept::default(),
            rates: Rates::default(),
            tags: Tags::default(),
            options: Options {
                origin: Some("http://fake.test".to_owned()),
                allow_unknown_routes: true,
                ..Options::default()
            },
            asked: 0,
        }
    }

    /// The token of somebody, by number.
    pub(super) fn token(who: usize) -> &'static str {
        let tokens = &beginning().tokens;
        &tokens[who.min(tokens.len() - 1)]
    }

    /// What was rendered before is as good as fresh.
    pub(super) fn answer(&mut self, request: &Request) -> Reply {
        self.asked += 1;
        let fresh = (request.method == Method::Get).then(|| {
            let mut desk = Desk {
                engine: &mut self.engine.clone(),
                kept: &mut Kept::default(),
                rates: &mut self.rates.clone(),
                tags: &mut self.tags.clone(),
                options: &self.options,
                ordinal: self.asked,
            };
            desk.answer(request)
        });
        let mut desk = Desk {
            engine: &mut self.engine,
            kept: &mut self.kept,
            rates: &mut self.rates,
            tags: &mut self.tags,
            options: &self.options,
            ordinal: self.asked,
        };
        let answered = desk.answer(request);
        if let Some(fresh) = fresh {
            assert_eq!(answered.reply, fresh.reply, "kept, and fresh");
        }
        self.answer_questions();
        answered.reply
    }

    /// Lets time pass, but for what would take all day.
    pub(super) fn advance(&mut self, by: TimeDelta) {
        const MOST: usize = 500;
        let until = self.engine.after(by);
        for _ in 0..MOST {
            let before = self.engine.clone();
            if self.engine.fire_next(until, &mut Vec::new()).is_none() {
                self.engine.wait_until(until);
                return;
            }
            self.engine.check_changed(&before);
            self.answer_questions();
        }
    }

    fn answer_questions(&mut self) {
        while let Some(question) = self.engine.question() {
            let verdict = question.predicate.holds(&question.view);
            let Question { job, rule, .. } = question;
            let Ok(_) = self.engine.apply(Judge { job, rule, verdict });
        }
    }
}
