//! GraphQL, as far as clients need it that otherwise speak REST: canceling one job, which REST cannot.
//!
//! Everything else is answered with 501 and fails the test, like an endpoint that is not modelled: a made-up answer
//! would teach a program wrong things.
//! Source: Buildkite docs, "GraphQL API"; its schema, `JobTypeCommandCancelInput`, `JobTypeCommandCancelPayload`,
//! `JobTypeCommand`.

mod document;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::engine::Engine;
use crate::engine::account::TokenKey;
use crate::engine::commands::{MakeMove, Move};
use crate::engine::job::JobKey;
use crate::http::Answered;
use crate::http::error::ApiError;
use crate::http::fields::Fields;
use crate::http::graphql::document::{Field, Kind, Operation, Selection, Value};
use crate::http::json::Json;
use crate::http::reply::Reply;
use crate::http::request::Request;
use crate::vocabulary::access::Access;
use crate::vocabulary::event::Event;
use crate::vocabulary::ids::JobId;
use crate::vocabulary::scope::Scope;
use crate::wire::View;
use crate::wire::graphql::command_job;

/// The operations that are served, as a report names them.
const SERVED: &str = "mutation jobTypeCommandCancel";

/// Why there is no answer.
enum Refused {
    /// The request is no GraphQL, or asks for what Buildkite does not have.
    Error(String),
    /// Buildkite may have it, this fake does not.
    Unmodelled(String),
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self::Error(error.message().to_owned())
    }
}

/// A request whose token is valid.
pub(super) struct Call<'a> {
    pub(super) engine: &'a mut Engine,
    pub(super) origin: &'a str,
    pub(super) token: TokenKey,
    pub(super) request: &'a Request,
}

impl Call<'_> {
    pub(super) fn answer(mut self) -> Answered {
        // Chosen: the words of REST; what is said without this permission is documented nowhere.
        if !self
            .engine
            .token(self.token)
            .scopes
            .contains(&Scope::GraphQl)
        {
            return ApiError::missing_scope(Scope::GraphQl).into();
        }
        let mut events = Vec::new();
        let (reply, unserved) = match self.execute(&mut events) {
            Ok(entries) => {
                let body = Json::Object(entries);
                (Reply::json(200, format!("{body}\n")), None)
            }
            Err(Refused::Error(message)) => (errors(200, &message), None),
            Err(Refused::Unmodelled(what)) => {
                let message =
                    format!("fake-buildkite does not model the GraphQL {what}; it serves {SERVED}");
                let unserved = format!(
                    "the GraphQL {what} is not modelled by this fake, which serves {SERVED}"
                );
                (errors(501, &message), Some(unserved))
            }
        };
        Answered {
            events,
            unserved: unserved.clone(),
            ..Answered::from(reply).noted(unserved)
        }
    }

    /// What the answer holds: `data`, and `errors` of single mutations. They are carried out one after the other, and
    /// one that is refused undoes none before it.
    fn execute(&mut self, events: &mut Vec<Event>) -> Result<Vec<(String, Json)>, Refused> {
        let mut body = Fields::parse(&self.request.body)?;
        let text = body.required_text("query");
        let wanted = body.text("operationName").filter(|name| !name.is_empty());
        let variables = match body.value("variables") {
            Some(Json::Object(variables)) => variables.clone(),
            // The documentation's own example sends them as a text.
            Some(Json::String(text)) => match serde_json::from_str(text) {
                Ok(Json::Object(variables)) => variables,
                Ok(
                    Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_),
                )
                | Err(_) => return Err(Refused::Error("`variables` is no object".to_owned())),
            },
            None | Some(Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_)) => {
                Vec::new()
            }
        };
        if text.is_empty() {
            return Err(Refused::Error("No query string was present".to_owned()));
        }
        let operations = document::read(&text).map_err(|why| Refused::Error(why.to_string()))?;
        let operation = chosen(&operations, wanted.as_deref())?;
        // What is no request at all, or not modelled, is found before anything is done.
        let mut calls = Vec::new();
        for selection in &operation.selections {
            match (operation.kind, selection) {
                (Kind::Mutation, Selection::Field(field))
                    if field.name == "jobTypeCommandCancel" =>
                {
                    calls.push((field, self.call(field, &variables)?));
                }
                (kind, Selection::Field(field)) => {
                    let kind = match kind {
                        Kind::Query => "query",
                        Kind::Mutation => "mutation",
                    };
                    return Err(Refused::Unmodelled(format!("{kind} {}", field.name)));
                }
                (_, Selection::Inline { on, .. }) => {
                    return Err(Refused::Unmodelled(format!("fragment on {on}")));
                }
            }
        }
        let (mut data, mut errors) = (Vec::new(), Vec::new());
        for (field, id) in calls {
            let key = field.key().to_owned();
            let canceled = self.job_to_cancel(&id).and_then(|job| {
                events.extend(self.cancel(job)?);
                Ok(job)
            });
            let payload = match canceled {
                Ok(job) => self.payload(field, job, &variables)?,
                Err(message) => {
                    errors.push(error(&message, Some(&key)));
                    Json::Null
                }
            };
            data.push((key, payload));
        }
        let mut entries = vec![("data".to_owned(), Json::Object(data))];
        if !errors.is_empty() {
            entries.push(("errors".to_owned(), Json::Array(errors)));
        }
        Ok(entries)
    }

    /// The id that a mutation names, if all that it asks for is known.
    fn call(&self, field: &Field, variables: &[(String, Json)]) -> Result<String, Refused> {
        let id = input(field, "id", variables);
        let Some(Json::String(id)) = id else {
            let message = "Argument 'id' on InputObject 'JobTypeCommandCancelInput' is required. Expected type ID!";
            return Err(Refused::Error(message.to_owned()));
        };
        if let Ok(job) = self.job_to_cancel(&id) {
            self.payload(field, job, variables)?;
        }
        Ok(id)
    }

    /// The job of an id, if the user may cancel it. Chosen: the words, which are those of REST.
    fn job_to_cancel(&self, id: &str) -> Result<JobKey, String> {
        let missing = || "No job found".to_owned();
        let job = uuid_of(id)
            .and_then(|id| self.engine.job_by_id(id))
            .ok_or_else(missing)?;
        let build = self.engine.build(self.engine.job(job).build);
        let user = self.engine.token(self.token).user;
        if !self.engine.opens(self.token, build.organization) {
            return Err(missing());
        }
        match self.engine.access_of(user, build.pipeline) {
            None => return Err(missing()),
            Some(access) if access < Access::BuildAndRead => {
                return Err("Forbidden".to_owned());
            }
            Some(_) => {}
        }
        Ok(job)
    }

    /// Chosen: what is said of a job that cannot be canceled.
    fn cancel(&mut self, job: JobKey) -> Result<Vec<Event>, String> {
        let by = self.engine.token(self.token).user;
        let wanted = Move::Cancel;
        let applied = self.engine.apply(MakeMove { job, wanted, by });
        let applied = applied.map_err(|_| {
            let state = self.engine.job(job).state.reported();
            format!("Job can't be canceled because it's {state}")
        })?;
        Ok(applied.events)
    }

    fn payload(
        &self,
        field: &Field,
        job: JobKey,
        variables: &[(String, Json)],
    ) -> Result<Json, Refused> {
        let view = View::new(self.engine, self.origin);
        shape(
            &field.selections,
            "JobTypeCommandCancelPayload",
            &|name| match name.name.as_str() {
                "clientMutationId" => Ok(Some(
                    input(field, "clientMutationId", variables).unwrap_or(Json::Null),
                )),
                "jobTypeCommand" => shape(&name.selections, "JobTypeCommand", &|name| {
                    Ok(command_job(&view, job, &name.name).map(Json::from))
                })
                .map(Some),
                _ => Ok(None),
            },
        )
    }
}

/// The operation that is meant.
fn chosen<'d>(operations: &'d [Operation], name: Option<&str>) -> Result<&'d Operation, Refused> {
    match (operations, name) {
        ([only], None) => Ok(only),
        (_, None) => Err(Refused::Error("An operation name is required".to_owned())),
        (all, Some(name)) => {
            let found = all.iter().find(|one| one.name.as_deref() == Some(name));
            found.ok_or_else(|| Refused::Error(format!("No operation named \"{name}\"")))
        }
    }
}

/// An object with the fields that are asked for, in that order.
fn shape(
    selections: &[Selection],
    of: &str,
    value: &dyn Fn(&Field) -> Result<Option<Json>, Refused>,
) -> Result<Json, Refused> {
    let mut entries = Vec::new();
    for selection in selections {
        match selection {
            Selection::Field(field) if field.name == "__typename" => {
                entries.push((field.key().to_owned(), Json::String(of.to_owned())));
            }
            Selection::Field(field) => {
                let unknown = || Refused::Unmodelled(format!("field {}.{}", of, field.name));
                let value = value(field)?.ok_or_else(unknown)?;
                entries.push((field.key().to_owned(), value));
            }
            Selection::Inline { on, selections } if on == of => {
                if let Json::Object(inner) = shape(selections, of, value)? {
                    entries.extend(inner);
                }
            }
            Selection::Inline { .. } => {}
        }
    }
    Ok(Json::Object(entries))
}

/// A part of the argument `input`, wherever its value stands.
fn input(field: &Field, part: &str, variables: &[(String, Json)]) -> Option<Json> {
    let variable = |name: &str| {
        let found = variables.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    };
    match field.argument("input")? {
        Value::Object(entries) => {
            let (_, value) = entries.iter().find(|(known, _)| known == part)?;
            match value {
                Value::String(text) => Some(Json::String(text.clone())),
                Value::Variable(name) => variable(name),
                Value::Word(_) | Value::List(_) | Value::Object(_) => None,
            }
        }
        Value::Variable(name) => match variable(name)? {
            Json::Object(entries) => {
                let found = entries.into_iter().find(|(known, _)| known == part);
                found.map(|(_, value)| value)
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => None,
        },
        Value::String(_) | Value::Word(_) | Value::List(_) => None,
    }
}

/// The id behind a GraphQL id: `<Type>---<uuid>` in base64. Whatever the type: REST calls every job a `Job`.
fn uuid_of(graphql_id: &str) -> Option<JobId> {
    let bytes = STANDARD.decode(graphql_id.trim()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (_, id) = text.trim().split_once("---")?;
    id.parse().ok().map(JobId)
}

/// An error of the request, or of the one field of its answer that is called so.
fn error(message: &str, key: Option<&str>) -> Json {
    let text = |text: &str| Json::String(text.to_owned());
    let mut entries = vec![("message".to_owned(), text(message))];
    if let Some(key) = key {
        entries.push(("path".to_owned(), Json::Array(vec![text(key)])));
    }
    Json::Object(entries)
}

fn errors(status: u16, message: &str) -> Reply {
    let text = Json::String(message.to_owned());
    let errors = ("errors".to_owned(), Json::Array(vec![error(message, None)]));
    let entries = match status {
        200 => vec![errors],
        // As everything of the edge says it, too.
        _ => vec![("message".to_owned(), text), errors],
    };
    Reply::json(status, format!("{}\n", Json::Object(entries)))
}
