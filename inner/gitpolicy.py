"""Which settings of git may enter a box, as data, and a configuration without the others. Pure.

What passes is on a list; whatever runs a program, hands out a token or names a place outside of the box is not on it, and neither
is any key that a later git may invent.
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING
from inner.gitconfig import Entry, parse, render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import TypeAlias

    Test: TypeAlias = Callable[[str], bool]
    Allow: TypeAlias = Mapping[str, Mapping[str, Test]]


def _any(_value: str) -> bool:
    return True


def _word(value: str) -> bool:
    """Names, numbers, switches: nothing that can be a path, a URL or a command line."""
    return len(value) <= 200 and all(char.isalnum() or char in "+-_.,=# " for char in value)


def _alias(value: str) -> bool:
    """A git command with options, none of which configures git or names a program."""
    return not value.lstrip().startswith("!") and not any(
        word.startswith(("!", "-c", "-C", "--config", "--exec", "--git-dir", "--work-tree", "--upload", "--receive", "--ext"))
        or "!" in word
        for word in value.split()
    )


SCHEMES = ("ssh", "git", "http", "https", "ftp", "ftps", "file", "git+ssh", "ssh+git")  # git's own (connect.c, remote-curl.c)


def _url(value: str) -> bool:
    """The address of a repository that git fetches by itself: no `ext::` and no other helper, nothing that reads as an option."""
    scheme, sep, _ = value.partition("://")
    if sep and scheme.isascii() and scheme.replace("+", "").isalnum():
        return scheme in SCHEMES
    head = value.partition("::")[0]
    return bool(value) and not value.startswith("-") and (head == value or not all(c.isalnum() or c in "+-." for c in head))


def _update(value: str) -> bool:
    return value in ("checkout", "rebase", "merge", "none")


def _keys(names: str, test: Test = _word) -> dict[str, Test]:
    return dict.fromkeys(names.lower().split(), test)


# section, in lower case -> key -> what its value must be like; a key "*" stands for every key. With " *": any subsection.
GLOBAL: dict[str, dict[str, Test]] = {
    "user": _keys("name email", _any) | _keys("useConfigOnly"),
    "author": _keys("name email", _any),
    "committer": _keys("name email", _any),
    "init": _keys("defaultBranch", _any) | _keys("defaultObjectFormat defaultRefFormat"),
    "core": _keys(
        "abbrev autocrlf safecrlf eol checkStat trustctime compression bigFileThreshold"
        " ignoreCase precomposeUnicode quotePath symlinks fileMode untrackedCache whitespace preloadIndex splitIndex multiPackIndex"
        " commitGraph logAllRefUpdates warnAmbiguousRefs"
    )
    | _keys("commentChar commentString", _any),
    "pull": _keys("rebase ff octopus twohead"),
    "push": _keys("default autoSetupRemote followTags recurseSubmodules useForceIfIncludes"),
    "fetch": _keys(
        "prune pruneTags parallel writeCommitGraph fsckObjects recurseSubmodules showForcedUpdates negotiationAlgorithm output"
    ),
    "merge": _keys("conflictStyle ff log stat renames renameLimit directoryRenames autoStash branchdesc verbosity suppressDest"),
    "rebase": _keys(
        "autoSquash autoStash stat missingCommitsCheck updateRefs abbreviateCommands rescheduleFailedExec rebaseMerges forkPoint"
    ),
    "diff": _keys(
        "algorithm autoRefreshIndex colorMoved colorMovedWS context interHunkContext indentHeuristic mnemonicPrefix noPrefix renames"
        " renameLimit relative statGraphWidth statNameWidth submodule suppressBlankEmpty wordRegex wsErrorHighlight ignoreSubmodules dirstat"
    ),
    "rerere": _keys("enabled autoUpdate"),
    "color": _keys("*"),
    "color *": _keys("*"),
    "column": _keys("*"),
    "branch": _keys("autoSetupMerge autoSetupRebase sort"),
    "tag": _keys("sort"),
    "versionsort": _keys("suffix"),
    "log": _keys("abbrevCommit date decorate follow graphColors mailmap showRoot initialDecorationSet diffMerges"),
    "format": _keys("pretty", _any) | _keys("noprefix numbered thread coverLetter"),
    "pretty": _keys("*", _any),
    "status": _keys(
        "short branch showStash showUntrackedFiles submoduleSummary relativePaths renames renameLimit displayCommentPrefix aheadBehind"
    ),
    "stash": _keys("showIncludeUntracked showPatch showStat"),
    "commit": _keys("verbose cleanup status"),
    "apply": _keys("ignoreWhitespace whitespace"),
    "am": _keys("threeWay keepcr messageId"),
    "blame": _keys("blankBoundary coloring date showEmail showRoot"),
    "grep": _keys("lineNumber column patternType extendedRegexp threads fullName fallbackToNoIndex"),
    "advice": _keys("*"),
    "help": _keys("autoCorrect"),
    "checkout": _keys("defaultRemote guess workers"),
    "clone": _keys("defaultRemoteName rejectShallow filterSubmodules"),
    "clean": _keys("requireForce"),
    "submodule": _keys("recurse fetchJobs propagateBranches"),
    "transfer": _keys("fsckObjects"),
    "receive": _keys("fsckObjects denyCurrentBranch denyNonFastForwards"),
    "gc": _keys("auto autoDetach autoPackLimit pruneExpire reflogExpire reflogExpireUnreachable worktreePruneExpire"),
    "maintenance": _keys("auto strategy"),
    "pack": _keys("threads windowMemory packSizeLimit compression"),
    "index": _keys("threads version"),
    "feature": _keys("manyFiles experimental"),
    "safe": _keys("bareRepository"),
    "alias": _keys("*", _alias),
}

# The configuration of a repository itself: what makes it the repository it is.
LOCAL: dict[str, dict[str, Test]] = {
    **GLOBAL,
    "core": GLOBAL["core"] | _keys("repositoryFormatVersion bare sparseCheckout sparseCheckoutCone sharedRepository"),
    "extensions": _keys("objectFormat compatObjectFormat refStorage preciousObjects partialClone noop worktreeConfig relativeWorktrees"),
    "remote": _keys("pushDefault", _any),
    "remote *": _keys("url pushurl", _url) | _keys("fetch", _any) | _keys("push mirror tagOpt prune pruneTags skipDefaultUpdate", _any)
    | _keys("promisor partialCloneFilter followRemoteHEAD", _any),
    "branch *": _keys("remote merge pushRemote description", _any) | _keys("rebase"),
    "submodule": GLOBAL["submodule"] | _keys("active", _any),
    "submodule *": _keys("url", _url) | _keys("path active branch", _any) | _keys("update", _update) | _keys("fetchRecurseSubmodules ignore shallow"),
    "alias": {},
}  # fmt: skip


def permitted(entry: Entry, allow: Allow = GLOBAL) -> bool:
    """Whether `allow` lists the entry and its value is of the kind expected there."""
    keys = allow.get(entry.section if entry.sub is None else entry.section + " *", {})
    test = keys.get(entry.key) or keys.get("*")
    if test is None:
        return False
    text = (entry.sub or "") + (entry.value or "")
    if any(ord(char) < 0x20 and char not in "\t\n" for char in text) or "\n" in (entry.sub or "") or "\x7f" in text:
        return False
    return test(entry.value) if entry.value is not None else test is _word  # a bare key is a switch


def without_credentials(value: str) -> str:
    """An address without user name and password; over ssh the name stays, which is needed and no secret."""
    scheme, sep, rest = value.partition("://")
    if not sep:
        return value
    place, slash, path = rest.partition("/")
    if scheme.lower().startswith("http"):
        path = path.partition("?")[0]  # where some servers take a token
    user, at, host = place.rpartition("@")
    if not at:
        return f"{scheme}://{place}{slash}{path}"
    kept = f"{user.partition(':')[0]}@" if "ssh" in scheme.lower() else ""
    return f"{scheme}://{kept}{host}{slash}{path}"


def sanitise(data: bytes, allow: Allow = GLOBAL) -> bytes:
    """What `allow` lists of a configuration file, written anew; addresses lose their passwords, nothing is included."""
    return render(harmless(parse(data)[0], allow))


def harmless(entries: Iterable[Entry], allow: Allow = GLOBAL) -> list[Entry]:
    """The permitted entries. One whose value holds an address with a password is kept without it, or left out."""
    kept = []
    for entry in entries:
        if not permitted(entry, allow):
            continue
        if entry.value is not None and "://" in entry.value:
            bare = without_credentials(entry.value)
            if bare != entry.value and not entry.key.endswith("url"):
                continue
            entry = Entry(entry.section, entry.sub, entry.key, bare)  # noqa: PLW2901
        kept.append(entry)
    return kept
