//! Random lives of members and teams from a seed, with the invariants checked after every move, and who sees what said
//! once more in other words.

use chrono::DateTime;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use crate::engine::account::{OrganizationKey, UserKey};
use crate::engine::agent::Fleet;
use crate::engine::commands::{
    AddMember, AddTeamMember, AddTeamPipeline, CreatePipeline, CreateTeam, DeletePipeline,
    DeleteTeam, EnableTeams, RemoveMember, RemoveTeamMember, RemoveTeamPipeline, UpdateMember,
    UpdateTeam, UpdateTeamMember, UpdateTeamPipeline,
};
use crate::engine::pipeline::{PipelineKey, Settings};
use crate::engine::recipe::Source;
use crate::engine::team::{TeamKey, TeamSettings};
use crate::engine::{Command, Engine};
use crate::vocabulary::access::Access;
use crate::vocabulary::role::{MemberRole, SsoMode, TeamRole};

struct Walk {
    engine: Engine,
    random: Xoshiro256PlusPlus,
    refused: usize,
    done: usize,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let start = DateTime::from_timestamp(1_772_000_000, 0).expect("in February 2026");
        let mut engine = Engine::new(seed, start, Fleet::Nobody);
        for slug in ["acme", "initech"] {
            engine.add_organization(slug, slug);
        }
        for name in ["a", "b", "c", "d"] {
            engine.add_user(name, name);
        }
        Self {
            engine,
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
            refused: 0,
            done: 0,
        }
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.random.random_range(0..from.len())]
    }

    fn organization(&mut self) -> OrganizationKey {
        let keys: Vec<_> = self.engine.organizations().map(|(key, _)| key).collect();
        self.pick(&keys)
    }

    fn user(&mut self) -> UserKey {
        let keys: Vec<_> = self.engine.users().map(|(key, _)| key).collect();
        self.pick(&keys)
    }

    /// A refused command changes nothing.
    fn apply<C: Command>(&mut self, command: C) {
        let before = self.engine.clone();
        if self.engine.apply(command).is_ok() {
            self.done += 1;
        } else {
            self.refused += 1;
            self.engine.check_same(&before);
        }
        self.engine.check_invariants();
    }

    fn settings(&mut self) -> TeamSettings {
        let name = self.pick(&["Ops", "Platform", "ops", "!", "Web"]);
        TeamSettings {
            is_default: self.random.random_ratio(1, 2),
            default_member_role: self.pick(&[TeamRole::Member, TeamRole::Maintainer]),
            ..TeamSettings::named(name.to_owned())
        }
    }

    fn create_pipeline(&mut self, organization: OrganizationKey) {
        let name = self.pick(&["app", "site", "docs", "lib"]).to_owned();
        let settings = Settings::for_repository("git@github.com:acme/app.git".to_owned());
        let teams = self.engine.teams_of(organization);
        let access = self.pick(&Access::ALL);
        let teams = teams.into_iter().take(1).map(|team| (team, access));
        let teams = teams.collect();
        let access = self.pick(&Access::ALL);
        self.apply(CreatePipeline {
            organization,
            name,
            slug: None,
            settings,
            steps: Source::Yaml("steps: [{command: make}]".to_owned()),
            env: Vec::new(),
            access,
            teams,
            created_by: None,
        });
    }

    fn step(&mut self) {
        let (organization, user) = (self.organization(), self.user());
        match self.random.random_range(0..8) {
            0 => self.create_pipeline(organization),
            1 | 2 => {
                let role = self.pick(&[MemberRole::Member, MemberRole::Admin]);
                self.apply(AddMember {
                    organization,
                    user,
                    role,
                });
            }
            3 => {
                let role = self.pick(&[None, Some(MemberRole::Member), Some(MemberRole::Admin)]);
                self.apply(UpdateMember {
                    organization,
                    user,
                    role,
                    sso_mode: Some(SsoMode::Optional),
                });
            }
            4 => {
                let settings = self.settings();
                self.apply(CreateTeam {
                    organization,
                    settings,
                    created_by: Some(user),
                });
            }
            5 if self.random.random_ratio(1, 8) => {
                let by = Some(user);
                self.apply(EnableTeams { organization, by });
            }
            6 if self.random.random_ratio(1, 3) => self.apply(RemoveMember { organization, user }),
            _ => self.step_of_team(user),
        }
        self.check_access();
    }

    fn step_of_team(&mut self, user: UserKey) {
        let teams: Vec<TeamKey> = self.engine.teams.all.iter().map(|(key, _)| key).collect();
        let pipelines: Vec<PipelineKey> =
            self.engine.pipelines.iter().map(|(key, _)| key).collect();
        if teams.is_empty() || pipelines.is_empty() {
            return;
        }
        let (team, pipeline) = (self.pick(&teams), self.pick(&pipelines));
        let access = self.pick(&Access::ALL);
        let role = self.pick(&[TeamRole::Member, TeamRole::Maintainer]);
        match self.random.random_range(0..12) {
            0..3 => self.apply(AddTeamMember {
                team,
                user,
                role: Some(role),
            }),
            3 => self.apply(UpdateTeamMember { team, user, role }),
            4 => self.apply(RemoveTeamMember { team, user }),
            5..8 => self.apply(AddTeamPipeline {
                team,
                pipeline,
                access,
            }),
            8 => self.apply(UpdateTeamPipeline {
                team,
                pipeline,
                access,
            }),
            9 => self.apply(RemoveTeamPipeline { team, pipeline }),
            10 => {
                let settings = self.settings();
                self.apply(UpdateTeam { team, settings });
            }
            _ if self.random.random_ratio(1, 2) => self.apply(DeleteTeam { team }),
            _ => self.apply(DeletePipeline { pipeline }),
        }
    }

    /// Level by level: somebody may do it if the pipeline allows it at all, and they administer, or there are no teams,
    /// or a team of theirs gives it.
    fn check_access(&self) {
        let engine = &self.engine;
        for (key, pipeline) in engine.pipelines.iter() {
            let organization = pipeline.organization;
            for (user, _) in engine.users() {
                let may = |level: Access| {
                    let is_given = !engine.are_teams_enabled(organization)
                        || engine.is_admin(organization, user)
                        || engine.teams.all.iter().any(|(_, team)| {
                            let assigned = team.pipelines.get(&key);
                            let is_enough = assigned.is_some_and(|one| one.access >= level);
                            is_enough && team.members.contains(&user)
                        });
                    is_given && engine.is_member(organization, user)
                };
                let given = Access::ALL.into_iter().rev().find(|level| may(*level));
                let expected = given.map(|level| level.min(pipeline.access));
                assert_eq!(engine.access_of(user, key), expected);
            }
        }
    }
}

#[test]
fn random_teams_keep_the_invariants() {
    let (mut done, mut refused) = (0, 0);
    for seed in 0..40 {
        let mut walk = Walk::new(seed);
        for _ in 0..150 {
            walk.step();
        }
        done += walk.done;
        refused += walk.refused;
    }
    assert!(done > 2_000, "{done} moves were made");
    assert!(refused > 500, "{refused} were refused");
}
