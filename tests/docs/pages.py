"""Pages in Markdown as the tests of this folder read them: headings, links, code spans, fenced blocks.

Of Markdown it knows what the pages use: headings by #, fences of three backticks, inline links. A page is
read once into `Page`; everything has the number of its line, from 1, so that a finding can be looked up.
"""
import dataclasses
import pathlib
import re

FENCE = re.compile(r"^\s*```(\w*)\s*$")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)")
SPAN = re.compile(r"(`+)(.+?)\1", re.DOTALL)
COMMENT = re.compile(r"<!--(.*?)-->", re.DOTALL)


@dataclasses.dataclass
class Block:
    """What stands between two fences. `line` is that of the opening fence, `note` the comment above it."""
    language: str
    line: int
    lines: list
    note: str = ""


@dataclasses.dataclass
class Page:
    path: pathlib.Path
    prose: list = dataclasses.field(default_factory=list)  # (line, text) outside of fences and comments
    blocks: list = dataclasses.field(default_factory=list)
    notes: list = dataclasses.field(default_factory=list)  # the comments

    def headings(self):
        return [match.group(1) for _, text in self.prose if (match := HEADING.match(text))]

    def paragraphs(self):
        """(first line, text) of lines that follow each other; links and code spans may run over their ends."""
        first, lines = 0, []
        for number, text in self.prose + [(0, "")]:
            if lines and (not text.strip() or number != first + len(lines)):
                yield first, "\n".join(lines)
                lines = []
            if text.strip():
                first = first if lines else number
                lines.append(text)

    def _found(self, pattern, group, prepare=lambda text: text):
        for first, text in self.paragraphs():
            text = prepare(text)
            for match in pattern.finditer(text):
                yield first + text.count("\n", 0, match.start()), match.group(group)

    def links(self):
        """Code spans are emptied first, and keep their lines: what looks like a link there is none."""
        return list(self._found(LINK, 1, lambda text: SPAN.sub(lambda span: "\n" * span.group().count("\n"), text)))

    def spans(self):
        return [(line, " ".join(content.split())) for line, content in self._found(SPAN, 2)]


def read_page(path):
    page, block, note = Page(path), None, ""
    text = path.read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), 1):
        fence = FENCE.match(line)
        if block is not None:
            if fence:
                page.blocks.append(block)
                block, note = None, ""
            else:
                block.lines.append(line)
        elif fence:
            block = Block(fence.group(1), number, [], note)
        elif comment := COMMENT.fullmatch(line.strip()):
            note = comment.group(1).strip()
            page.notes.append(note)
        else:
            page.prose.append((number, line))
            if line.strip():
                note = ""
    if block is not None:
        raise ValueError(f"{path}:{block.line}: this block has no end")
    return page


def slug(heading):
    """The anchor that GitHub gives a heading: letters, digits, _ and - stay, blanks become hyphens."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def anchors(headings):
    """Of equal headings the second is heading-1, and so on."""
    seen, result = {}, set()
    for name in map(slug, headings):
        count = seen.get(name, 0)
        seen[name] = count + 1
        result.add(f"{name}-{count}" if count else name)
    return result
