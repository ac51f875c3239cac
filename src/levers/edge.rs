//! What goes wrong on purpose, what is held back, and who is told.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::fake::{Fault, Gate};
use crate::http::reply::Reply;
use crate::levers::faults::{FaultGiven, GateGiven};
use crate::levers::given::EventName;
use crate::levers::shown::delivery;
use crate::levers::{Kept, Outcome, Pull, Refusal, done, shown};

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
        let ordered = self.body::<FaultGiven>()?.order(&self.fake)?;
        let mut kept = self.room.kept.lock();
        kept.faults.push(ordered.clone());
        Ok(shown(201, &fault(kept.faults.len(), &ordered)))
    }

    pub(super) fn list_faults(&self) -> Reply {
        let kept = self.room.kept.lock();
        let all = kept.faults.iter().enumerate();
        let all: Vec<_> = all.map(|(place, one)| fault(place + 1, one)).collect();
        shown(200, &json!({ "faults": all }))
    }

    pub(super) fn lift_fault(&self) -> Outcome {
        let mut kept = self.room.kept.lock();
        self.numbered("fault", &mut kept.faults)?.lift();
        Ok(done())
    }

    pub(super) fn hold(&self) -> Outcome {
        let gate = self.body::<GateGiven>()?.set(&self.fake);
        let mut kept = self.room.kept.lock();
        kept.gates.push(Some(gate));
        Ok(shown(201, &json!({ "number": kept.gates.len() })))
    }

    fn gate<'k>(&self, kept: &'k mut Kept) -> Result<&'k Gate, Refusal> {
        let gate = self.numbered("gate", &mut kept.gates)?;
        gate.as_ref()
            .ok_or_else(|| Refusal::new(422, "this gate was opened for good"))
    }

    pub(super) fn show_gate(&self) -> Outcome {
        let mut kept = self.room.kept.lock();
        let waiting = self.gate(&mut kept)?.waiting();
        Ok(shown(200, &json!({ "waiting": waiting })))
    }

    pub(super) fn let_one_pass(&self) -> Outcome {
        self.nothing()?;
        let mut kept = self.room.kept.lock();
        self.gate(&mut kept)?.let_one_pass();
        Ok(done())
    }

    pub(super) fn release(&self) -> Outcome {
        let mut kept = self.room.kept.lock();
        if let Some(gate) = self.numbered("gate", &mut kept.gates)?.take() {
            gate.release();
        }
        Ok(done())
    }

    pub(super) fn create_webhook(&self) -> Outcome {
        let new: NewWebhook = self.body()?;
        let mut builder = self.fake.webhook(new.url);
        if let Some(events) = new.events {
            builder = builder.events(events.into_iter().map(|EventName(event)| event));
        }
        if let Some(token) = new.token {
            builder = builder.token(token);
        }
        if let Some(token) = new.signed_with {
            builder = builder.signed_with(token);
        }
        let webhook = builder.create();
        let (id, token) = (webhook.id().to_string(), webhook.token());
        let mut kept = self.room.kept.lock();
        kept.webhooks.push(webhook);
        let number = kept.webhooks.len();
        Ok(shown(
            201,
            &json!({ "number": number, "id": id, "token": token }),
        ))
    }

    pub(super) fn list_deliveries(&self) -> Outcome {
        let mut kept = self.room.kept.lock();
        let deliveries = self.numbered("webhook", &mut kept.webhooks)?.deliveries();
        let all: Vec<_> = deliveries.iter().map(delivery).collect();
        Ok(shown(200, &json!({ "deliveries": all })))
    }
}
