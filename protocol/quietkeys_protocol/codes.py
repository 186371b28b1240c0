"""Every error code that device and service share, with its HTTP status, message and advice.

The classes that carry them are in `quietkeys_protocol.errors`, which is what everything else imports.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Final


class Remedy(Enum):
    """What the caller can do, one for each class of the tree."""

    TRY_AGAIN = "wait, then repeat the call"
    START_OVER = "make again what the call builds on"
    CORRECT = "correct the call"
    UPGRADE = "upgrade"
    DISTRUST = "do not use what was received"


LOCAL: Final = 0  # the status of an error that never crosses the wire


class ErrorCode(StrEnum):
    """Everything that can go wrong between device and service; the value is what crosses the wire."""

    status: int
    remedy: Remedy
    message: str
    advice: str

    def __new__(
        cls,
        code: str,
        status: int = LOCAL,
        remedy: Remedy = Remedy.CORRECT,
        message: str = "",
        advice: str = "",
    ) -> ErrorCode:
        """Return a member whose value is `code`; `status` is its HTTP status, or `LOCAL`.

        The defaults are never used: they let `ErrorCode("key_unknown")` pass the type checker as a search.
        """
        member = str.__new__(cls, code)
        member._value_ = code
        member.status, member.remedy, member.message, member.advice = status, remedy, message, advice
        return member

    # Try again
    TRAINER_UNREACHABLE = (
        "trainer_unreachable",
        LOCAL,
        Remedy.TRY_AGAIN,
        "the trainer did not answer",
        "Check the address and the network. Reports wait on this device until the trainer answers.",
    )
    TRAINER_BUSY = (
        "trainer_busy",
        503,
        Remedy.TRY_AGAIN,
        "the trainer cannot take this now",
        "Repeat the request later, waiting longer each time.",
    )
    TRAINER_BROKEN = (
        "trainer_broken",
        500,
        Remedy.TRY_AGAIN,
        "the trainer made a mistake",
        "Repeat the request later; if it goes on, tell whoever runs the trainer.",
    )
    TOO_MANY_REQUESTS = (
        "too_many_requests",
        429,
        Remedy.TRY_AGAIN,
        "this device asks too often",
        "Wait as long as Retry-After says.",
    )
    BODY_TOO_SLOW = (
        "body_too_slow",
        408,
        Remedy.TRY_AGAIN,
        "the body arrived too slowly",
        "Repeat the request on a better connection.",
    )
    DISK_FULL = (
        "disk_full",
        507,
        Remedy.TRY_AGAIN,
        "there is no space left to store this",
        "Free some space, then repeat the request. Nothing was stored by half.",
    )
    UPDATE_NOT_READY = (
        "update_not_ready",
        409,
        Remedy.TRY_AGAIN,
        "the job has not finished",
        "Ask for the job's state until it is done, then fetch the update.",
    )
    CLUSTER_UNREACHABLE = (
        "cluster_unreachable",
        LOCAL,
        Remedy.TRY_AGAIN,
        "the Ray cluster cannot be used",
        "Install quietkeys[ray], join this machine with `ray start --num-cpus 0`, then start again.",
    )
    TRAINER_FULL = (
        "trainer_full",
        429,
        Remedy.TRY_AGAIN,
        "the trainer has as much to do as it can hold",
        "Wait as long as Retry-After says.",
    )

    DELETION_UNDER_WAY = (
        "deletion_under_way",
        503,
        Remedy.TRY_AGAIN,
        "this device is deleted, and not yet all that it had stored",
        "Repeat the request later: the receipt is given after the last deletion.",
    )
    STORAGE_UNREACHABLE = (
        "storage_unreachable",
        LOCAL,
        Remedy.TRY_AGAIN,
        "the trainer's database or store does not answer",
        "See that it runs and that its address is right, then repeat. Nothing was changed.",
    )

    STORAGE_FAILED = (
        "storage_failed",
        LOCAL,
        Remedy.TRY_AGAIN,
        "the profile folder cannot be read or written",
        "Check that the folder is there and belongs to this user, then repeat. Nothing was changed.",
    )
    CIPHER_FAILED = (
        "cipher_failed",
        LOCAL,
        Remedy.TRY_AGAIN,
        "the encryption process ended early",
        "Sync again; nothing was lost. If it happens every time, free some memory.",
    )

    KEY_STORE_FAILED = (
        "key_store_failed",
        LOCAL,
        Remedy.TRY_AGAIN,
        "the key store of this system does not answer",
        "Unlock it, then repeat; or protect the profile with a passphrase.",
    )

    # Start over
    DEVICE_UNKNOWN = (
        "device_unknown",
        404,
        Remedy.START_OVER,
        "no such device",
        "Enrol this device; its keys and reports have to be sent again.",
    )
    KEY_UNKNOWN = (
        "key_unknown",
        404,
        Remedy.START_OVER,
        "no such evaluation keys",
        "Upload the evaluation keys, then repeat the request.",
    )
    JOB_UNKNOWN = (
        "job_unknown",
        404,
        Remedy.START_OVER,
        "no such job",
        "Send a new report.",
    )
    JOB_FAILED = (
        "job_failed",
        409,
        Remedy.START_OVER,
        "the job failed and has no update",
        "Send a new report. If that fails as well, upload new evaluation keys.",
    )
    JOB_SUPERSEDED = (
        "job_superseded",
        409,
        Remedy.START_OVER,
        "a newer report took the place of this job",
        "Fetch the update of the newer report's job.",
    )

    # Correct
    REQUEST_MALFORMED = (
        "request_malformed",
        400,
        Remedy.CORRECT,
        "the request is not well formed",
        "Build the request as docs/PROTOCOL.md says.",
    )
    CONTAINER_MALFORMED = (
        "container_malformed",
        400,
        Remedy.CORRECT,
        "the container is not well formed",
        "Encode it with quietkeys_protocol.containers.",
    )
    SIGNATURE_INVALID = (
        "signature_invalid",
        401,
        Remedy.CORRECT,
        "the signature does not belong to this request and device",
        "Sign the request as it is sent, with the key that this device enrolled.",
    )
    CLOCK_SKEWED = (
        "clock_skewed",
        401,
        Remedy.CORRECT,
        "the request's time is too far from the trainer's",
        "Set this device's clock.",
    )
    ROUTE_UNKNOWN = (
        "route_unknown",
        404,
        Remedy.CORRECT,
        "there is nothing at this path",
        "Check the address of the trainer.",
    )
    METHOD_NOT_ALLOWED = (
        "method_not_allowed",
        405,
        Remedy.CORRECT,
        "this path does not take this method",
        "Build the request as docs/PROTOCOL.md says.",
    )
    NONCE_REPLAYED = (
        "nonce_replayed",
        409,
        Remedy.CORRECT,
        "this request was already received",
        "Sign every attempt afresh, with a nonce and time of its own.",
    )
    SEQUENCE_REPLAYED = (
        "sequence_replayed",
        409,
        Remedy.CORRECT,
        "a report with this or a later sequence number was already received",
        "Number the reports of a source upwards.",
    )
    IDEMPOTENCY_CONFLICT = (
        "idempotency_conflict",
        409,
        Remedy.CORRECT,
        "this idempotency key belongs to another report",
        "Draw a new idempotency key for every report, and repeat a report unchanged.",
    )
    UPLOAD_OFFSET = (
        "upload_offset",
        409,
        Remedy.CORRECT,
        "the part does not begin where the upload ends",
        "Ask for the state of the evaluation keys and go on from there.",
    )
    ENROLMENT_REFUSED = (
        "enrolment_refused",
        403,
        Remedy.CORRECT,
        "this trainer takes invited devices only, and this is no open invite",
        "Ask whoever runs the trainer for an invite.",
    )
    DEVICE_DELETED = (
        "device_deleted",
        410,
        Remedy.CORRECT,
        "this device was deleted here because it asked for that",
        "This profile is an older copy: ask its user for consent again, and enrol with a new identity.",
    )
    OPERATOR_REFUSED = (
        "operator_refused",
        401,
        Remedy.CORRECT,
        "this is not the operator's token",
        "Make one with `quietkeys-trainer admin token` and send it as Authorization: Bearer TOKEN.",
    )
    MEMBER_UNKNOWN = (
        "member_unknown",
        404,
        Remedy.CORRECT,
        "no such device in this circle",
        "Ask for the members of the circle.",
    )
    INVITATION_UNKNOWN = (
        "invitation_unknown",
        404,
        Remedy.CORRECT,
        "no such invitation, or it is over",
        "Ask for a new invitation; one lasts 15 minutes, for one device.",
    )
    INVITATION_REFUSED = (
        "invitation_refused",
        403,
        Remedy.CORRECT,
        "this is not the invitation's secret",
        "Read the invitation again; after three wrong attempts it is gone.",
    )
    INVITATIONS_FULL = (
        "invitations_full",
        409,
        Remedy.CORRECT,
        "this circle has too many open invitations",
        "Wait until one of them is used or 15 minutes old.",
    )
    CIRCLE_FULL = (
        "circle_full",
        409,
        Remedy.CORRECT,
        "this circle takes no more devices",
        "Remove a device from it first.",
    )
    INVITATION_MALFORMED = (
        "invitation_malformed",
        LOCAL,
        Remedy.CORRECT,
        "this is not the text of an invitation",
        "Read it again from the device that invites: all of it, and without other words.",
    )
    CIRCLE_JOINED = (
        "circle_joined",
        LOCAL,
        Remedy.CORRECT,
        "this device is in a circle already",
        "Leave that circle first.",
    )
    KEYS_STALE = (
        "keys_stale",
        LOCAL,
        Remedy.CORRECT,
        "there are no keys to share yet, or they are about to be replaced",
        "Sync, then invite.",
    )
    BODY_TOO_LARGE = (
        "body_too_large",
        413,
        Remedy.CORRECT,
        "the body is larger than this route takes",
        "Send what the plan asks for and nothing else.",
    )
    HASH_MISMATCH = (
        "hash_mismatch",
        422,
        Remedy.CORRECT,
        "the body's SHA-256 differs from the one it was announced under",
        "Repeat the upload; if it fails again, something on the way alters it.",
    )
    FRAMING_CHANGED = (
        "framing_changed",
        422,
        Remedy.CORRECT,
        "the ciphertexts are not in the shape of the plan",
        "Encrypt under the plan's own client specification and send the values unchanged.",
    )
    PLAN_INVALID = (
        "plan_invalid",
        LOCAL,
        Remedy.CORRECT,
        "the plan cannot be trained",
        "Run `quietkeys-trainer plan check` on it and correct what it names.",
    )
    VALUE_OUT_OF_RANGE = (
        "value_out_of_range",
        LOCAL,
        Remedy.CORRECT,
        "a value lies outside the range of the plan",
        "Scale the report down until the reference program stays inside its field.",
    )
    WORKER_UNSUITABLE = (
        "worker_unsuitable",
        LOCAL,
        Remedy.CORRECT,
        "this machine must not run encryption",
        "Nothing was sent. Try again; if it repeats, this machine's randomness or arithmetic is not sound.",
    )
    TRAINER_ABSENT = (
        "trainer_absent",
        LOCAL,
        Remedy.CORRECT,
        "there is no trainer here",
        "Check --state, --database and the settings file; only `quietkeys-trainer serve` makes a trainer.",
    )
    TRAINER_PRESENT = (
        "trainer_present",
        LOCAL,
        Remedy.CORRECT,
        "there is something here already",
        "Restore into a new state folder, an empty database and an empty store; nothing was changed.",
    )
    STORE_FOREIGN = (
        "store_foreign",
        LOCAL,
        Remedy.CORRECT,
        "this store of ciphertexts does not belong to this ledger",
        "Check --database and --blobs; if one is lost, restore a backup into empty ones. All is as it was.",
    )
    LEDGER_UNUSABLE = (
        "ledger_unusable",
        LOCAL,
        Remedy.CORRECT,
        "the database cannot be used as a ledger by this version",
        "Check --database; `admin migrate` brings an older ledger up, a newer one wants a newer version.",
    )
    CLOCK_JUMPED = (
        "clock_jumped",
        LOCAL,
        Remedy.CORRECT,
        "the clock has jumped by more than a day, so nothing is deleted by age",
        "Set the clock; if it is right, run `quietkeys-trainer admin clock --confirm`.",
    )
    TIDY_LARGE = (
        "tidy_large",
        LOCAL,
        Remedy.CORRECT,
        "tidying would delete more than a tenth, so it has stopped",
        "See `quietkeys-trainer admin tidy`; if that is meant, run it with --confirm.",
    )
    NOTHING_NAMED_SO = (
        "nothing_named_so",
        LOCAL,
        Remedy.CORRECT,
        "there is nothing of that name here",
        "See `quietkeys-trainer admin devices` and `quietkeys-trainer admin jobs`. Nothing was changed.",
    )
    CONFIRMATION_MISSING = (
        "confirmation_missing",
        LOCAL,
        Remedy.CORRECT,
        "this cannot be undone",
        "If it is meant, repeat the command with --confirm. Nothing was changed.",
    )
    TRAINER_KEY_DAMAGED = (
        "trainer_key_damaged",
        LOCAL,
        Remedy.CORRECT,
        "the trainer's signing key cannot be used",
        "Restore trainer.key from a backup. With a new one no device trusts this trainer's receipts.",
    )

    STORAGE_ADDRESS_INVALID = (
        "storage_address_invalid",
        LOCAL,
        Remedy.CORRECT,
        "this is no address of a database or of a store",
        "The database is sqlite:///FILE or postgresql://USER@HOST/NAME, blobs lie in a folder or s3://BUCKET/NAME.",
    )

    SETTING_INVALID = (
        "setting_invalid",
        LOCAL,
        Remedy.CORRECT,
        "a setting of the trainer cannot be used",
        "Correct it; docs/OPERATIONS.md lists all settings and what they may be.",
    )
    ADDRESS_EXPOSED = (
        "address_exposed",
        LOCAL,
        Remedy.CORRECT,
        "plain HTTP would be served to other machines",
        "Give --tls-certificate and --tls-key, or --plain-http behind a proxy that ends TLS.",
    )
    BACKUP_UNUSABLE = (
        "backup_unusable",
        LOCAL,
        Remedy.CORRECT,
        "this backup cannot be used here",
        "Restore a whole backup, of this version or an earlier one, into an empty trainer.",
    )

    BACKUP_INCOMPLETE = (
        "backup_incomplete",
        LOCAL,
        Remedy.CORRECT,
        "the backup is whole but for ciphertexts that are not in the store (any longer)",
        "Keep it with the one before; devices whose keys are missing send them again.",
    )

    TOUCHES_MALFORMED = (
        "touches_malformed",
        LOCAL,
        Remedy.CORRECT,
        "the touches do not fit what was typed",
        "Give one (x, y) in key widths and heights for every character, None for those without.",
    )
    WORD_MALFORMED = (
        "word_malformed",
        LOCAL,
        Remedy.CORRECT,
        "this is not one word, or no text to put in its place",
        "Give one word of letters a-z and inner apostrophes; a replacement is one short line.",
    )
    APP_UNNAMED = (
        "app_unnamed",
        LOCAL,
        Remedy.CORRECT,
        "this is no name of an app",
        "Call the app by a name of 1 to 200 characters.",
    )
    RECEIPT_UNKNOWN = (
        "receipt_unknown",
        LOCAL,
        Remedy.CORRECT,
        "there is nothing to take back for this receipt",
        "Undo each record at most once, and soon after it.",
    )
    PROFILE_LOCKED = (
        "profile_locked",
        LOCAL,
        Remedy.CORRECT,
        "another process has this profile open",
        "Close it there first; one process at a time uses a profile.",
    )
    PROFILE_GONE = (
        "profile_gone",
        LOCAL,
        Remedy.CORRECT,
        "the folder of this profile was removed while it was open",
        "Close it. Open it again to start anew, or restore a backup first. Nothing more is learnt.",
    )
    PROFILE_SEALED = (
        "profile_sealed",
        LOCAL,
        Remedy.CORRECT,
        "this profile does not open so",
        "Give what it was protected with, or restore a backup. Nothing was changed.",
    )
    PROFILE_EXISTS = (
        "profile_exists",
        LOCAL,
        Remedy.CORRECT,
        "there is something in that folder",
        "Restore into a folder that is empty or not there yet.",
    )
    BACKUP_SEALED = (
        "backup_sealed",
        LOCAL,
        Remedy.CORRECT,
        "the backup does not open with this",
        "Give the recovery code or the passphrase that belongs to this backup.",
    )
    RECOVERY_CODE_MISTYPED = (
        "recovery_code_mistyped",
        LOCAL,
        Remedy.CORRECT,
        "this is not a recovery code",
        "Type it again: seven groups of four letters and digits.",
    )
    SECRET_UNSUITABLE = (
        "secret_unsuitable",
        LOCAL,
        Remedy.CORRECT,
        "this passphrase or key protects nothing",
        "Give a passphrase of at least 8 characters, or a key of 32 random bytes.",
    )
    EXTRA_MISSING = (
        "extra_missing",
        LOCAL,
        Remedy.CORRECT,
        "a part that this needs is not installed",
        "Install quietkeys with the extra that is named; typing, learning and syncing need none.",
    )

    CONSENT_MISSING = (
        "consent_missing",
        LOCAL,
        Remedy.CORRECT,
        "the user has not agreed that anything is sent",
        "Ask the user, then record what was agreed to with consent.give. Nothing was sent.",
    )
    ADDRESS_UNSAFE = (
        "address_unsafe",
        LOCAL,
        Remedy.CORRECT,
        "there is no trainer address, or not one to send to",
        "Give https://HOST[:PORT], or http on this machine, without path, name or password.",
    )

    # Upgrade
    PLAN_UNKNOWN = (
        "plan_unknown",
        404,
        Remedy.UPGRADE,
        "the trainer does not serve this plan",
        "Install the bundle that this trainer serves, or use the trainer that the bundle names.",
    )
    PLAN_RETIRED = (
        "plan_retired",
        410,
        Remedy.UPGRADE,
        "the trainer no longer serves this plan",
        "Install the newer bundle.",
    )
    VERSION_UNSUPPORTED = (
        "version_unsupported",
        400,
        Remedy.UPGRADE,
        "this version of the container is not known here",
        "Upgrade the older of device and trainer.",
    )

    CIRCLE_MISMATCH = (
        "circle_mismatch",
        LOCAL,
        Remedy.UPGRADE,
        "the devices of the circle use different bundles",
        "Bring all of them to the same version of the app, then try again.",
    )
    PROFILE_NEWER = (
        "profile_newer",
        LOCAL,
        Remedy.UPGRADE,
        "this profile was written by a newer version",
        "Upgrade quietkeys; the profile was left as it is.",
    )

    # Distrust
    TRAINER_GARBLED = (
        "trainer_garbled",
        LOCAL,
        Remedy.DISTRUST,
        "the trainer's answer makes no sense",
        "Check that the address is a quietkeys trainer's. Nothing of the answer was used.",
    )
    TRAINER_KEY_CHANGED = (
        "trainer_key_changed",
        LOCAL,
        Remedy.DISTRUST,
        "the trainer's key is not the one that this profile trusts",
        "Ask whoever runs the trainer. If its key has changed, open the profile with the new trainer_key.",
    )
    DELETION_UNPROVEN = (
        "deletion_unproven",
        LOCAL,
        Remedy.DISTRUST,
        "the trainer's answer does not prove that it deleted this device",
        "The secret key here is destroyed all the same. Ask whoever runs the trainer, then try again.",
    )
    UPDATE_UNTRUSTED = (
        "update_untrusted",
        LOCAL,
        Remedy.DISTRUST,
        "the update cannot be what the plan computes",
        "Nothing was applied. If it happens again, do not use this trainer.",
    )
    LETTER_UNTRUSTED = (
        "letter_untrusted",
        LOCAL,
        Remedy.DISTRUST,
        "what came from another device cannot be read",
        "Ask for a new invitation. If it repeats, do not use this trainer.",
    )
    SPECIFICATION_UNTRUSTED = (
        "specification_untrusted",
        LOCAL,
        Remedy.DISTRUST,
        "the client specification is not safe to encrypt under",
        "Install the bundle from its publisher. Nothing was encrypted.",
    )
    BUNDLE_UNTRUSTED = (
        "bundle_untrusted",
        LOCAL,
        Remedy.DISTRUST,
        "the bundle is not signed by its publisher, or is older than the one in use",
        "Install the bundle from its publisher.",
    )
    BACKUP_DAMAGED = (
        "backup_damaged",
        LOCAL,
        Remedy.DISTRUST,
        "the file is not a whole backup",
        "Nothing of it was used. Restore another copy.",
    )
    PROFILE_DAMAGED = (
        "profile_damaged",
        LOCAL,
        Remedy.DISTRUST,
        "the profile folder holds something that cannot be read",
        "The damaged part was set aside; learning goes on from what was still good. Restore a backup.",
    )
