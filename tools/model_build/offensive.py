"""Which words are offensive: never suggested, completed or corrected to, and left alone when typed.

The vocabulary is that of the package `better-profanity` (MIT), read where it is installed, less the words
that a keyboard for everybody has to know, plus inflections and compounds. Slurs, strong profanity and sexual
vulgarity are in; religion, medicine, identity, crime and mild words are not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from importlib import resources
from typing import Final

from quietkeys.text.tokens import is_correctable

# What the package filters and we do not: mild, medical, or with an everyday meaning of its own.
_ORDINARY: Final = """
anus areole arian aryan assess bastardy bestial bondage breasts busty chinked chinking clitoris clitorises
cowgirl cowgirls crap crotch cummings damn dink dinks doggin dogging dong doofus dopey drunk duchy dummy
enlargement erect erotic erotism essohbee extacy extasy facial fart fat fingering fingerings fisty flange
floozy fondle foobar foreskin freex frigga frigging fubar gae gai ganja gay gays gey gigolo glans god godamn
godamnit goddam goddammit goddamn goddamned gonad gonads guido hebe hell hemp heroin herp herpes herpy
hitler hiv hoar hoare homey homoerotic hooch hookah hootch hooter hooters hump humped humping hussy hymen
inbred incest jerk jerked junkie junky kill kinky klan knob labia lech len leper lesbians lmao loin loins
lube lust lusting lusty macuntu mams masochist massa maxi menses menstruate menstruation meth molest moron
muff murder nad naked napalm nappy nazi nazism niggle niggled niggler nigglers niggles niggling nimrod ninny
nipple nipples nob nude nudes omg opiate opium oral orally organ ovary ovum ovums paddy pantie panties panty
pastie pasty pawn pcp pedophile pedophilia pedophiliac pee peepee penetrate penetration penial penile penis
perversion peyote phalli phallic picuntu pimp pinko piss pissed pisser pissing playboy pms pollock poon poop
pornography pot potty pricked pricker prickers pricking prig pron prostitute prude pubic pubis punky puss
pusses queer queers quicky racy raunch rectal rectum reefer reich retarder retarders retarding revue rum
rump ruski sadism sadist sandbar scag scantily screw screwed screwing scrotum scum seaman seamen seduce
semen sex sexual shag shibari shiz sissy skag slave sleaze sleazy slope smut smutty snatch sniper snuff
sodom souse soused spac sperm spunk steamy stoned strip stroke stupid suck sucked sucking tampon tawdry teat
teats teets teez teste testee testes testical testicle testis threesome throating thrust thug tinkle titi
toke toots tramp transsexual trashy tush ugly undies unwed urinal urine uterus uzi vagina valium viagra
virgin vixen vodka vomit voyeur vulgar vulva wad wang wazoo wedgie weed weenie weewee weiner weirdo wench
whiz willies willy womb woody wtf x xx yaoi yury
"""
# What the package lacks.
_ADDED: Final = """
asshat assholes asswipe beaner beaners biatch biotch bukkake cocksuckers cunty dago dagos darkie darkies
dickheads dickish dickwad dipshit fck fcking fuckery jizzing niglets raghead ragheads sambo skanks slutty
smartass spaz towelhead towelheads trannies tranny wanked wanking whorish wog wogs yid yids
"""
ORDINARY: Final = frozenset(_ORDINARY.split())
ADDED: Final = frozenset(_ADDED.split())
STEMS: Final = ("fuck", "shit", "cunt", "nigger", "nigga", "faggot", "asshole", "arsehole", "bitch", "whore")
INNOCENT: Final = ("peshitt", "shita", "shito", "scunthorpe", "snigger", "mishit")
_ENDINGS: Final = ("s", "es", "'s", "ed", "er", "ers", "ing", "y")
_SHORT_ENDINGS: Final = ("s", "'s")
_LONG: Final = 5  # letters from which a word takes every ending: "spic" would make "spicy"


class PhrasesError(Exception):
    """The package whose phrases are read is not installed."""


def package_words() -> list[str]:
    """Return the phrases of the installed package as they stand; raise PhrasesError without it."""
    try:
        package = resources.files("better_profanity")
    except ModuleNotFoundError as error:
        raise PhrasesError("better-profanity is not installed; the extra dev brings it") from error
    source = package.joinpath("profanity_wordlist.txt")
    return source.read_text(encoding="utf-8").split("\n")


def offensive_words(vocabulary: Iterable[str], phrases: Iterable[str]) -> frozenset[str]:
    """Return the words of the vocabulary that are offensive, given a list of offensive phrases."""
    roots = {phrase.strip().lower() for phrase in phrases} - ORDINARY | ADDED
    roots = {root for root in roots if is_correctable(root) and len(root) > 1}
    forms = roots | {form for root in roots for form in _inflected(root)}
    forms -= ORDINARY
    return frozenset(word for word in vocabulary if _is_offensive(word, forms))


def _inflected(root: str) -> Iterator[str]:
    for ending in _ENDINGS if len(root) >= _LONG else _SHORT_ENDINGS:
        yield root + ending
        if root.endswith("e") and ending[0] in "eiy":
            yield root[:-1] + ending
        if root.endswith("y") and ending == "es":
            yield root[:-1] + "ies"


def _is_offensive(word: str, forms: Collection[str]) -> bool:
    if word in forms or word.removesuffix("'s") in forms:
        return True
    stemmed = any(stem in word for stem in STEMS)
    return stemmed and (word.startswith(STEMS) or not any(part in word for part in INNOCENT))
