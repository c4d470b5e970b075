//! A protocol each: what its body means as rows, and how predictions are written. Nothing else differs between them.

mod gateway;
mod invocations;
mod keys;
mod mlflow;
pub mod open_inference;
mod rows;
mod sagemaker;
mod score;
pub mod tensorflow;
mod writing;

use super::answer::Answer;
use super::answering::{Answering, Candidates, KEY};
use super::body::Hold;
use super::cut::Body;
use super::division::Keys;
use super::models::Models;
use super::refusal::{Cause, Refusal};
use super::request::Request;
use super::route::Route;
use super::served::Served;
use crate::config::BadRows;
use crate::format::FileFormat;
use crate::problem::internal;
pub use sagemaker::execution_parameters;
use std::cell::OnceCell;
use std::sync::Arc;

/// A request for predictions, and whom it is put to.
pub struct Ask<'a> {
    pub request: &'a Request,
    pub by: By<'a>,
    pub bad_rows: BadRows,
    /// For what the predictions and the answer take.
    pub room: &'a Hold,
    /// Bytes that the body may be, unpacked.
    pub most: u64,
    /// Whose key it is, once that is known.
    chosen: OnceCell<Arc<Served>>,
}

/// Who is to predict.
#[derive(Clone, Copy)]
pub enum By<'a> {
    /// The version that is asked for, of these.
    Asked(&'a Models),
    /// This one, whichever is asked for.
    Version(&'a Arc<Served>),
}

impl<'a> Ask<'a> {
    pub fn new(request: &'a Request, by: By<'a>, bad_rows: BadRows, room: &'a Hold, most: u64) -> Ask<'a> {
        Ask {
            request,
            by,
            bad_rows,
            room,
            most,
            chosen: OnceCell::new(),
        }
    }

    /// The body, in the format of files that it is in.
    fn body(&self, format: FileFormat) -> Body<'_> {
        Body {
            bytes: &self.request.body,
            format,
            most: self.most,
            room: self.room,
        }
    }

    /// # Errors
    /// There is no such version, or none is ready.
    fn candidates(&self) -> Result<Candidates, Refusal> {
        match self.by {
            By::Asked(models) => {
                let (group, version) = self.request.target()?;
                models.candidates(group, version)
            }
            By::Version(served) => Ok(Candidates::alone(served.clone())),
        }
    }

    /// Who answers. `keys`: finds those of the rows, where the request has none for all of them.
    ///
    /// # Errors
    /// The header is no key; the version whose key it is can't be used; what `keys` finds wrong.
    fn choose(
        &self,
        candidates: &Candidates,
        keys: impl FnOnce(&mut Keys) -> Result<(), Refusal>,
    ) -> Result<Answering, Refusal> {
        let mut header = self.request.headers.get_all(&KEY).iter();
        let key = header.next();
        if header.next().is_some() {
            return Err(Refusal::bad(
                "the header Transform-Key stands twice: a request has one key, or each row has its own",
            ));
        }
        // In files the bytes of a key are those of its UTF-8: of others, another version would answer.
        if key.is_some_and(|key| str::from_utf8(key.as_bytes()).is_err()) {
            return Err(Refusal::bad("the header Transform-Key isn't UTF-8").hint(
                "send the key's UTF-8 bytes, in Python key.encode(\"utf-8\"): many clients send a text as Latin-1",
            ));
        }
        let by = candidates.choose(|| key.cloned(), keys)?;
        if by.tested.is_some() {
            let _ = self.chosen.set(by.served.clone());
        }
        Ok(by)
    }
}

/// # Errors
/// Why there are no predictions.
pub fn answer(ask: &Ask) -> Result<Answer, Refusal> {
    by_route(ask).map_err(|mut refusal| {
        // Whose rows were refused, metrics know; it is in memory still.
        if let (Cause::BadRequest | Cause::BadRows | Cause::Internal, By::Asked(models), Ok((group, version))) =
            (refusal.cause, ask.by, ask.request.target())
            && models.is_loaded(group, version)
        {
            let chosen = ask.chosen.get().cloned();
            refusal.by = chosen.or_else(|| models.find(group, version).ok());
        }
        refusal
    })
}

fn by_route(ask: &Ask) -> Result<Answer, Refusal> {
    match &ask.request.route {
        Route::Score => score::answer(ask),
        Route::Invocations | Route::Endpoint { .. } => invocations::answer(ask),
        Route::Stream | Route::Batch => gateway::answer(ask),
        Route::Infer(_) => open_inference::answer(ask),
        Route::Predict(_) => tensorflow::answer(ask),
        // Nobody asks: only what predicts comes here.
        _ => Err(internal().into()),
    }
}
