//! What a run of crash images found.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use outpost_disk::Image;
use serde_json::json;

use super::Defect;

/// Findings kept with their images; all others are counted.
const KEPT_MAX: usize = 5;
/// Findings after which a run has seen enough.
const ENOUGH: u64 = 200;

/// How an image is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    /// The database does not open or is damaged.
    Damaged,
    /// Something that was answered is not there.
    Lost,
    /// What is there contradicts itself.
    Broken,
    /// Something that was used before is used again.
    Reused,
}

/// One bad image.
#[derive(Debug, Clone)]
pub struct Finding {
    /// How.
    pub harm: Harm,
    /// What is wrong.
    pub what: String,
    /// Which image it was.
    pub story: String,
    /// The image.
    pub image: Image,
}

/// What a run did and found.
#[derive(Debug)]
pub struct Report {
    side: &'static str,
    seed: u64,
    defect: Option<Defect>,
    /// Workloads that were run.
    pub workloads: u32,
    /// Images that were opened.
    pub images: u32,
    /// Different states that were checked in full.
    pub states: u64,
    /// Answers that were looked for, over all images.
    pub answers: u64,
    /// Images on which the program went on working.
    pub continued: u64,
    /// Copies that were put in the database's place.
    pub restored: u64,
    /// Operations of the disk that were recorded.
    pub operations: u64,
    /// How long it took.
    pub seconds: f64,
    /// Bad images, the first of them with all they hold.
    pub findings: Vec<Finding>,
    /// Bad images.
    pub bad: u64,
}

impl Report {
    /// Nothing done yet.
    pub fn new(side: &'static str, seed: u64, defect: Option<Defect>) -> Self {
        Self {
            side,
            seed,
            defect,
            workloads: 0,
            images: 0,
            states: 0,
            answers: 0,
            continued: 0,
            restored: 0,
            operations: 0,
            seconds: 0.0,
            findings: Vec::new(),
            bad: 0,
        }
    }

    /// Counts an image, and what is wrong with it.
    pub fn image(&mut self, findings: Vec<Finding>) {
        self.images += 1;
        self.bad += u64::from(!findings.is_empty());
        let room = KEPT_MAX.saturating_sub(self.findings.len());
        self.findings.extend(findings.into_iter().take(room));
    }

    /// Whether there is anything left to learn.
    pub fn wants_more(&self) -> bool {
        self.bad < ENOUGH
    }

    /// The findings of one kind that were kept.
    pub fn harmed(&self, harm: Harm) -> usize {
        self.findings.iter().filter(|finding| finding.harm == harm).count()
    }

    /// One line for programs.
    pub fn json(&self) -> serde_json::Value {
        let told = |finding: &Finding| json!({ "harm": format!("{:?}", finding.harm), "what": finding.what, "image": finding.story });
        let findings: Vec<_> = self.findings.iter().map(told).collect();
        json!({
            "side": self.side,
            "seed": self.seed,
            "defect": self.defect.map(|defect| format!("{defect:?}")),
            "images": self.images,
            "bad_images": self.bad,
            "findings": findings,
            "workloads": self.workloads,
            "states_checked": self.states,
            "answers_checked": self.answers,
            "continued": self.continued,
            "restored": self.restored,
            "disk_operations": self.operations,
            "seconds": (self.seconds * 100.0).round() / 100.0,
            "images_per_s": (f64::from(self.images) / self.seconds.max(0.001)).round(),
            "optimized": !cfg!(debug_assertions),
        })
    }

    /// Writes the kept images into a folder, each into one of its own with its story.
    pub fn keep(&self, folder: &Path) -> Result<()> {
        for (number, finding) in self.findings.iter().enumerate() {
            let folder = folder.join(format!("{}-{number}", self.side));
            fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
            let story = format!("{:?}: {}\n{}\n", finding.harm, finding.what, finding.story);
            fs::write(folder.join("story.txt"), story)?;
            for (name, bytes) in &finding.image.files {
                fs::write(folder.join(name.replace('/', "_")), bytes)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} images of {} workloads in {:.1} s ({:.0}/s): {} bad; {} states and {} answers checked, {} went on, {} were restored",
            self.side,
            self.images,
            self.workloads,
            self.seconds,
            f64::from(self.images) / self.seconds.max(0.001),
            self.bad,
            self.states,
            self.answers,
            self.continued,
            self.restored,
        )?;
        for finding in &self.findings {
            writeln!(f, "  {:?}: {} ({})", finding.harm, finding.what, finding.story)?;
        }
        Ok(())
    }
}
