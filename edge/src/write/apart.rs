//! What of the hub cannot be taken in as a whole is taken apart: one poisoned document must not stop the others.

use outpost_sync::Batch;
use outpost_sync::repair::Mend;

use super::core::{Committed, Core, FateUnknown, GroupError, is_fault_of_storage};
use super::job::{Answer, Job};
use super::unit::Stop;
use crate::ids::Ids;
use crate::moment::Moment;

impl Core {
    /// A job failed alone. A batch of the hub is then taken item by item, and an item that breaks its transaction
    /// every time, for no fault of the disk, is set aside: one poisoned document must not stop the others.
    pub(super) fn after_failure(
        &mut self,
        now: &Moment,
        ids: &mut Ids,
        job: &Job,
        stop: &Stop,
    ) -> Result<Committed, FateUnknown> {
        if is_fault_of_storage(stop) {
            return Ok(Committed::failed(stop, 1));
        }
        let batch = match job {
            Job::Merge(batch) => batch,
            Job::Mend(mend) => return self.mend_apart(now, ids, mend),
            _ => return Ok(Committed::failed(stop, 1)),
        };
        let mut all = Committed::default();
        let (mut refusals, mut deferred) = (Vec::new(), Vec::new());
        for item in &batch.items {
            let one = Batch { items: vec![item.clone()], ..batch.clone() };
            let committed = match self.group(now, ids, &[Job::Merge(one.clone())]) {
                Ok(committed) => committed,
                Err(GroupError::FateUnknown(fate)) => return Err(fate),
                Err(GroupError::RolledBack(stop)) if is_fault_of_storage(&stop) => {
                    return Ok(Committed::failed(&stop, 1));
                }
                Err(GroupError::RolledBack(stop)) => {
                    tracing::error!(error = %stop, "an item of the hub broke its transaction and is set aside");
                    match self.group(now, ids, &[Job::SetAside(one, "broke_transaction".to_owned())]) {
                        Ok(committed) => committed,
                        Err(GroupError::FateUnknown(fate)) => return Err(fate),
                        Err(GroupError::RolledBack(stop)) => return Ok(Committed::failed(&stop, 1)),
                    }
                }
            };
            for answer in &committed.answers {
                match answer {
                    Answer::Merged(refused) => refusals.extend(refused.iter().cloned()),
                    Answer::Deferred { refused, later } => {
                        refusals.extend(refused.iter().cloned());
                        deferred.extend(later.iter().copied());
                    }
                    _ => {}
                }
            }
            all.take(Committed { answers: Vec::new(), ..committed });
        }
        all.answers.push(match deferred.is_empty() {
            true => Answer::Merged(refusals),
            false => Answer::Deferred { refused: refusals, later: deferred },
        });
        Ok(all)
    }

    /// What repair brought is taken in change by change, and what breaks its transaction is set aside.
    fn mend_apart(&mut self, now: &Moment, ids: &mut Ids, mend: &Mend) -> Result<Committed, FateUnknown> {
        let mut all = Committed::default();
        let notes = Mend { changes: Vec::new(), ..mend.clone() };
        let changes = mend.changes.iter();
        let parts = changes.map(|change| Mend { changes: vec![change.clone()], ..notes.clone() });
        for part in std::iter::once(notes.clone()).chain(parts) {
            let aside = Job::SetChangesAside(part.changes.clone(), "broke_transaction".to_owned());
            for job in [Job::Mend(part), aside] {
                match self.group(now, ids, &[job]) {
                    Ok(committed) => {
                        all.take(Committed { answers: Vec::new(), ..committed });
                        break;
                    }
                    Err(GroupError::FateUnknown(fate)) => return Err(fate),
                    Err(GroupError::RolledBack(stop)) if is_fault_of_storage(&stop) => {
                        return Ok(Committed::failed(&stop, 1));
                    }
                    Err(GroupError::RolledBack(stop)) => {
                        tracing::error!(error = %stop, "a repaired change broke its transaction");
                    }
                }
            }
        }
        all.answers.push(Answer::Done);
        Ok(all)
    }
}
