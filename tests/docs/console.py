"""Console blocks of a page: run as a reader would, and compared with the output that the page shows.

In a ```console block a line `$ COMMAND` is typed, `> ` goes on with it, and what follows up to the next `$ ` is
what the reader sees. All blocks of a page are one session of bash in one folder. Commands must end with 0, unless
the next one is `echo $?`.

What is shown is compared line by line, blanks counting as one:

    ...                     alone: any lines, also none; inside a line: any text
    14:19:47.118            any time of day; 2026-11-29T01:19:45Z any date; 16 hex digits any hash
    0.35 s, 276311 images/s any number with that unit (UNITS)
    0.9006, at 90.06 %      a number of four decimals, or a percentage after `at`, is measured: within TOLERANCE
    0.436, 83.4             any other number with decimals: any such number
    128                     all else must be the same

`<!-- any: 26421856 5125 -->` above a block says that these words may be any others. Lines of the log, which begin with
a time of day, are compared among themselves, and the others too: the two come by ways of their own.
"""
import dataclasses
import re

UNITS = r"images/s|GB/s|MB/s|requests/s|GB|MB|KB|ms|us|min|s"
NUMBER = r"-?\d+(?:\.\d+)?(?:e[-+]\d+)?"
TOLERANCE = 0.03  # three images in a hundred, or as much of a loss
CLOCK = r"\d\d:\d\d:\d\d\.\d{3}"
TOKENS = "|".join((
    r"(?P<gap>\s*\.\.\.\s*)",
    rf"(?P<clock>{CLOCK})",
    r"(?P<date>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)",
    r"(?P<hash>\b(?=[0-9a-f]*[a-f])(?=[a-f]*\d)[0-9a-f]{16}\b)",
    rf"(?P<percent>(?<=at ){NUMBER}(?= %))",
    rf"(?P<quantity>{NUMBER}(?= ?(?:{UNITS}|% \w)\b))",
    r"(?P<measured>(?<![\w.])-?\d+\.\d{4}(?![\d.]))",
    r"(?P<decimal>(?<![\w.])-?\d+\.\d+(?:e[-+]\d+)?(?![\d.]))",
    r"(?P<blank>\s+)",
))
ANY = {"word": r"\S+?", "gap": r".*?", "clock": CLOCK, "date": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "hash": r"[0-9a-f]{16}",
       "quantity": NUMBER, "decimal": NUMBER, "blank": r"\s+", "percent": rf"({NUMBER})", "measured": rf"({NUMBER})"}
LIMIT = {"percent": 100 * TOLERANCE, "measured": TOLERANCE}


@dataclasses.dataclass
class Command:
    line: int
    text: str
    shown: list
    any: list  # words of `shown` that may be others


def commands(block):
    """The commands of a console block, in order."""
    any_words = re.search(r"any:(.*)", block.note)
    result = []
    for offset, text in enumerate(block.lines, 1):
        if text.startswith("$ "):
            result.append(Command(block.line + offset, text[2:], [], any_words.group(1).split() if any_words else []))
        elif not result:
            raise ValueError(f"line {block.line + offset}: a console block begins with a command")
        elif text.startswith("> ") and not result[-1].shown:
            result[-1].text += "\n" + text[2:]
        else:
            result[-1].shown.append(text)
    return result


class Line:
    """One line that a page shows, as a pattern."""

    def __init__(self, text, any_words=()):
        self.text, self.gap, self.limits = text, text.strip() == "...", []
        words = rf"(?P<word>(?<![\w.])(?:{'|'.join(map(re.escape, any_words))})(?!\w|\.\d))|" if any_words else ""
        pattern, end, text = "", 0, text.strip()
        for token in re.finditer(words + TOKENS, text):
            pattern += re.escape(text[end:token.start()]) + ANY[token.lastgroup]
            if token.lastgroup in LIMIT:
                self.limits.append((float(token.group()), LIMIT[token.lastgroup]))
            end = token.end()
        self.pattern = re.compile(pattern + re.escape(text[end:]))

    def fits(self, text):
        match = self.pattern.fullmatch(text.strip())
        return match is not None and all(abs(float(got) - expected) <= limit
                                         for got, (expected, limit) in zip(match.groups(), self.limits))


def mismatch(shown, got):
    """The first of the lines `shown` that has no place in `got`, in order; None when all have one."""
    places, gap = {0}, False  # how many lines of `got` may be used up before this line
    for line in shown:
        if line.gap:
            gap = True
            continue
        starts = range(min(places), len(got)) if gap else sorted(places)
        places = {start + 1 for start in starts if start < len(got) and line.fits(got[start])}
        if not places:
            return line.text
        gap = False
    if gap or len(got) in places:
        return None
    return f"nothing more, but there is: {got[max(places)]}"


def difference(command, output):
    """What is shown of a command and was not got; None when all was."""
    shown = [Line(text, command.any) for text in command.shown if text.strip()]
    got = [text for text in output.splitlines() if text.strip()]
    is_log = re.compile(CLOCK).match
    for wanted in (True, False):
        lines = [line for line in shown if line.gap or bool(is_log(line.text)) == wanted]
        missing = mismatch(lines, [text for text in got if bool(is_log(text)) == wanted])
        if missing is not None:
            return missing
    return None
