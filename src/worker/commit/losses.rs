//! Outputs that went: a consumer takes them away; or their folder was emptied, or is another one, which counts for none of them.

use crate::config::Config;
use crate::error::Result;
use crate::ledger::Ledger;
use crate::worker::look::{Published, now};
use crate::worker::plan;

/// What is known of the output folder as a whole.
#[derive(Default)]
pub struct Losses {
    /// How it was when the listing began, which holds for all of it: what is made meanwhile is no sign.
    listing: Option<Folder>,
}

#[derive(Clone, Copy)]
struct Folder {
    holds_outputs: bool,
    device: Option<u64>,
    /// Do its losses count for no output? Once it was asked.
    lost: Option<bool>,
}

impl Losses {
    pub fn begin_listing(&mut self, ledger: &mut Ledger, config: &Config) -> Result<()> {
        ledger.set_output_place(&config.output.path, config.output.done_marker)?;
        self.listing = Some(Folder::look(&Published::open(config)?, config)?);
        Ok(())
    }

    pub fn end_listing(&mut self, ledger: &mut Ledger) -> Result<()> {
        match self.listing.take().and_then(|folder| folder.device) {
            Some(device) if ledger.output_device()? != Some(device) => ledger.set_output_device(device),
            _ => Ok(()),
        }
    }

    pub fn start_over(&mut self) {
        self.listing = None;
    }

    /// An output is gone: did its folder lose all of them at once, as seldom as somebody empties it; or is it another one?
    pub fn lost(&mut self, ledger: &mut Ledger, published: &Published, config: &Config) -> Result<bool> {
        let mut folder = match self.listing {
            Some(folder) => folder,
            None => Folder::look(published, config)?,
        };
        if let Some(lost) = folder.lost {
            return Ok(lost);
        }
        let before = ledger.output_device()?;
        let mut lost = before.is_some() && folder.device.is_some() && before != folder.device;
        if !folder.holds_outputs {
            let last = ledger.emptied()?;
            let emptied = plan::emptied(last, now().wall / 1000);
            if last != Some(emptied) {
                ledger.set_emptied(emptied)?;
            }
            lost |= emptied.forgiven;
        }
        folder.lost = Some(lost);
        if self.listing.is_some() {
            self.listing = Some(folder);
        }
        Ok(lost)
    }
}

impl Folder {
    fn look(published: &Published, config: &Config) -> Result<Folder> {
        let (holds_outputs, device) = published.outputs(config.input.rules.recursive())?;
        Ok(Folder {
            holds_outputs,
            device,
            lost: None,
        })
    }
}
