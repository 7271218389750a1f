//! What can be wrong between the hub and a site: lost pasts, two of one, streams that do not fit.

use super::Runbook;

pub(super) const RUNBOOKS: &[Runbook] = &[
    Runbook {
        code: "site_rolled_back",
        means: "A site has lost data that it had sent: it was restored from a copy, or its disk was replaced.",
        steps: &[
            "Ask the site what was done since the copy was made.",
            "What the hub had received is sent back to it.",
        ],
    },
    Runbook {
        code: "hub_restored",
        means: "The hub's database is older than what sites have seen of it. The hub goes on in a new epoch: it promises from \
                a site when that site has sent again what the hub lacks, and takes nothing away for as long as a site may \
                act without asking.",
        steps: &[
            "Look which sites are silent: each holds up the orders that it may have been given.",
            "Bring their lines up. A site that will never come back: POST /v1/sites/{site}/let-go.",
            "Compare the orders since the copy was made with the channels, and send again what is missing here.",
            "This closes by itself when the last site has shown what it has.",
        ],
    },
    Runbook {
        code: "site_lost_its_past",
        means: "A site does not know all that it had sent: it was restored from a copy, cloned, or set up anew.",
        steps: &[
            "Ask the site whether its computer was restored, replaced or copied.",
            "Have it count the products it asks to be counted; until it was sent its past it grants nothing.",
        ],
    },
    Runbook {
        code: "clone_alive",
        means: "Two computers speak for one site: both come from one disk. One of them took over, and the hub refuses \
                the other, which keeps what it writes to itself.",
        steps: &[
            "Find both computers. The one that says that another computer answers in its name is the refused one.",
            "Switch the refused one off. If it is the right one, switch the other off and enroll this one anew.",
            "Have the site count what was moved on the computer that is switched off.",
        ],
    },
    Runbook {
        code: "update_needed",
        means: "A site's program and the hub's do not understand each other's events. Nothing is exchanged, and nothing \
                is lost.",
        steps: &["Update the older of the two: the hub first, then the sites."],
    },
    Runbook {
        code: "hub_rolled_back",
        means: "A site knows more of this hub than the hub itself: the hub was restored from a copy.",
        steps: &[
            "The hub begins a new epoch by itself; when it has not, stop it and run outpost-hub restore.",
            "Compare the orders since the copy with the channels.",
        ],
    },
    Runbook {
        code: "claim_without_proof",
        means: "A site says that it has received more from this hub than the hub has written, and shows nothing that the \
                hub has signed: it lies, is broken, or the hub was restored from a copy and the site kept no proof. Only \
                this site is concerned: nothing more is sent to it, and all others go on.",
        steps: &[
            "Was the hub's database put back from a copy? Then stop the hub and run outpost-hub restore.",
            "Else have the site's appliance looked at, and enroll another one.",
        ],
    },
    Runbook {
        code: "malformed_frames",
        means: "A site signs frames that this hub cannot read: its program is broken, later than the hub's, or was \
                tampered with. Its stream stands still at the first item in them, and all other sites go on.",
        steps: &[
            "Look at the frames that were set aside, on the site's page.",
            "Update the older of the two programs.",
            "Else enroll another appliance; what the site wrote comes back from the old one's disk only.",
        ],
    },
    Runbook {
        code: "stream_forgotten",
        means: "A site needs items that the hub no longer keeps.",
        steps: &["Have the appliance enrolled anew; it gets everything from the start."],
    },
    Runbook {
        code: "stream_diverged",
        means: "A site and the hub remember two different pasts of the same stream.",
        steps: &["Find out which of the two was restored from a copy.", "Have the appliance enrolled anew."],
    },
    Runbook {
        code: "refused_by_site",
        means: "A site could not take something the hub sent: mostly it runs an older version.",
        steps: &[
            "Update the site's program.",
            "Until then its part of the order stands still: move it to another site.",
        ],
    },
    Runbook {
        code: "item_too_large",
        means: "Something the hub has to say to a site is longer than the line takes.",
        steps: &["Raise the largest frame in the settings of hub and site, or split the order."],
    },
];
