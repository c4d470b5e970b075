//! A protocol each: what its body means as rows, and how predictions are written. Nothing else differs between them.

mod gateway;
mod invocations;
mod mlflow;
pub mod open_inference;
mod rows;
mod sagemaker;
mod score;
pub mod tensorflow;
mod writing;

use super::answer::Answer;
use super::body::Hold;
use super::models::Models;
use super::refusal::{Cause, Refusal};
use super::request::Request;
use super::route::Route;
use super::served::Served;
use crate::config::BadRows;
use crate::problem::internal;
pub use sagemaker::execution_parameters;
use std::sync::Arc;

/// A request for predictions, and whom it is put to.
pub struct Ask<'a> {
    pub request: &'a Request,
    pub by: By<'a>,
    pub bad_rows: BadRows,
    /// For what the predictions and the answer take.
    pub room: &'a Hold,
}

/// Who is to predict.
#[derive(Clone, Copy)]
pub enum By<'a> {
    /// The version that is asked for, of these.
    Asked(&'a Models),
    /// This one, whichever is asked for.
    Version(&'a Arc<Served>),
}

impl Ask<'_> {
    /// # Errors
    /// There is no such version, or none is ready.
    fn served(&self) -> Result<Arc<Served>, Refusal> {
        match self.by {
            By::Asked(models) => {
                let (group, version) = self.request.target()?;
                models.find(group, version)
            }
            By::Version(served) => Ok(served.clone()),
        }
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
            refusal.by = models.find(group, version).ok();
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
