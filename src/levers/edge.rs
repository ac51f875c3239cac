//! What goes wrong on purpose, what is held back, and who is told.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::fake::Fault;
use crate::http::reply::Reply;
use crate::levers::faults::{FaultGiven, GateGiven};
use crate::levers::given::EventName;
use crate::levers::shown::delivery;
use crate::levers::{Outcome, Pull, Refusal, done, shown};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewWebhook {
    url: String,
    events: Option<Vec<EventName>>,
    token: Option<String>,
    signed_with: Option<String>,
}

fn fault(number: usize, fault: &Fault) -> Value {
    json!({ "number": number, "text": fault.to_string(), "hits": fault.hits() })
}

impl Pull<'_> {
    pub(super) fn order_fault(&self) -> Outcome {
        let given: FaultGiven = self.body()?;
        let mut kept = self.room.kept.lock();
        let (number, ordered) = kept.faults.add(|| given.order(&self.fake))?;
        Ok(shown(201, &fault(number, ordered)))
    }

    pub(super) fn list_faults(&self) -> Reply {
        let kept = self.room.kept.lock();
        let all = kept.faults.iter();
        let all: Vec<_> = all.map(|(number, one)| fault(number, one)).collect();
        shown(200, &json!({ "faults": all }))
    }

    pub(super) fn lift_fault(&self) -> Outcome {
        let (number, lifted) = self.room.kept.lock().faults.take(self.parts[0])?;
        lifted.lift();
        Ok(shown(200, &fault(number, &lifted)))
    }

    pub(super) fn hold(&self) -> Outcome {
        let given: GateGiven = self.body()?;
        let mut kept = self.room.kept.lock();
        let (number, _) = kept.gates.add(|| Ok(given.set(&self.fake)))?;
        Ok(shown(201, &json!({ "number": number })))
    }

    pub(super) fn show_gate(&self) -> Outcome {
        let kept = self.room.kept.lock();
        let waiting = kept.gates.get(self.parts[0])?.1.waiting();
        Ok(shown(200, &json!({ "waiting": waiting })))
    }

    pub(super) fn let_one_pass(&self) -> Outcome {
        self.nothing()?;
        let kept = self.room.kept.lock();
        let (number, gate) = kept.gates.get(self.parts[0])?;
        if gate.waiting() == 0 {
            let message =
                format!("no request waits at gate `{number}`: ask the gate until one does");
            return Err(Refusal::new(422, message));
        }
        gate.let_one_pass();
        Ok(done())
    }

    pub(super) fn release(&self) -> Outcome {
        let (_, gate) = self.room.kept.lock().gates.take(self.parts[0])?;
        gate.release();
        Ok(done())
    }

    pub(super) fn create_webhook(&self) -> Outcome {
        let new: NewWebhook = self.body()?;
        let mut builder = self.fake.webhook(new.url);
        if let Some(events) = new.events {
            builder = builder.events(events.into_iter().map(|EventName(event)| event));
        }
        match (new.token, new.signed_with) {
            (Some(token), None) => builder = builder.token(token),
            (None, Some(token)) => builder = builder.signed_with(token),
            (None, None) => {}
            (Some(_), Some(_)) => {
                let message = "a webhook sends its token or signs with it: it has `token` or `signed_with`, not both";
                return Err(Refusal::new(400, message));
            }
        }
        let mut kept = self.room.kept.lock();
        let (number, webhook) = kept.webhooks.add(|| Ok(builder.create()))?;
        let (id, token) = (webhook.id().to_string(), webhook.token());
        Ok(shown(
            201,
            &json!({ "number": number, "id": id, "token": token }),
        ))
    }

    pub(super) fn list_deliveries(&self) -> Outcome {
        let kept = self.room.kept.lock();
        let deliveries = kept.webhooks.get(self.parts[0])?.1.deliveries();
        let all: Vec<_> = deliveries.iter().map(delivery).collect();
        Ok(shown(200, &json!({ "deliveries": all })))
    }

    pub(super) fn delete_webhook(&self) -> Outcome {
        let (_, webhook) = self.room.kept.lock().webhooks.take(self.parts[0])?;
        webhook.delete();
        Ok(done())
    }
}
