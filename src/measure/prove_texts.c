/* The texts that every proof tokenizes: what tokenizers are known to differ on. And a short one for logits. */
#include "measure/prove_parts.h"

#define S(what, text)                \
    {                                \
        what, text, sizeof(text) - 1 \
    }

/* clang-format off */
const az_proof_string az_proof_strings[] = {
    S("empty text", ""),
    S("one space", " "),
    S("plain words", "The quick brown fox jumps over the lazy dog."),
    S("contractions", "I'm sure they'll say it's he'd, we've, DON'T, It'S, y'all'd've"),
    S("runs of spaces", "a  b   c    d     e      f       g        h"),
    S("space at both ends", "  leading and trailing   "),
    S("tabs", "a\tb\t\tc\t\t\td \t e\t "),
    S("line breaks", "a\nb\n\nc\r\nd\r\n\r\ne\rf \n g\n \nh\n\n\n"),
    S("spaces before a line break", "if x:   \n    y = 1  \n\n        z\n"),
    S("other spaces", "a\xc2\xa0" "b\xe2\x80\x83" "c\xe3\x80\x80" "d\xc2\x85" "e\xe1\xa0\x8e" "f"),
    S("zero-width characters", "a\xe2\x80\x8b" "b\xe2\x80\x8d" "c\xef\xbb\xbf" "d\xc2\xad" "e"),
    S("digits", "0 1 12 123 1234 12345 1234567 3.14159 1,000,000.50 007 0x1F 2024-02-29"),
    S("digits of other scripts", "\xd9\xa1\xd9\xa2\xd9\xa3 \xe0\xa5\xa7\xe0\xa5\xa8\xe0\xa5\xa9 \xef\xbc\x91\xef\xbc\x92\xef\xbc\x93 \xc2\xbd\xe2\x85\xa7\xc2\xb2"),
    S("punctuation", "!?.,;:'\"()[]{}<>/\\|@#$%^&*-_=+~` ... --- *** ?!?! \"'`"),
    S("symbols", "\xe2\x82\xac 5 \xc2\xa3 \xe2\x86\x92 \xe2\x89\xa0 \xc2\xb1 \xe2\x84\xa2 \xc2\xa9 \xe2\x88\x91 \xe2\x96\x88\xe2\x96\x91"),
    S("capitals inside words", "HelloWorld HTTPServer iPhone camelCaseName XMLHttpRequest McDonald USA's"),
    S("C code", "int main(void)\n{\n\tfor (size_t i = 0; i < n; i++)\n\t\tx[i] += a->b * 0.5f;\n\treturn 0; /* done */\n}\n"),
    S("Python code", "def f(x, *args, **kw):\n    \"\"\"Doc.\"\"\"\n    return {k: v for k, v in kw.items() if v != None}\n"),
    S("markup", "<div class=\"a\">&nbsp;<!-- c --></div> {% if x %}{{ y }}{% endif %} # Title\n- item\n"),
    S("addresses", "https://example.org/a/b?c=d&e=%20f#g user.name+tag@example.co.uk C:\\dir\\file.txt /usr/lib"),
    S("accented letters", "na\xc3\xafve caf\xc3\xa9 \xc3\x85ngstr\xc3\xb6m \xc5\x82\xc3\xb3\xc5\xba\xc4\x87 \xc4\xb0stanbul \xc3\x9f \xc5\xbf \xc7\x85"),
    S("combining marks", "e\xcc\x81 a\xcc\x8a o\xcc\x88\xcc\x81 n\xcc\x83 re\xcc\x81sume\xcc\x81 q\xcc\x87\xcc\xa3"),
    S("Greek", "\xce\x9a\xce\xb1\xce\xbb\xce\xb7\xce\xbc\xce\xad\xcf\x81\xce\xb1 \xce\xba\xcf\x8c\xcf\x83\xce\xbc\xce\xb5, \xce\x9f\xce\x94\xce\x9f\xce\xa3"),
    S("Cyrillic", "\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82, \xd0\xbc\xd0\xb8\xd1\x80! \xd0\x81\xd0\xb6\xd0\xb8\xd0\xba\xd0\xb8"),
    S("Arabic", "\xd8\xa7\xd9\x84\xd8\xb3\xd9\x84\xd8\xa7\xd9\x85 \xd8\xb9\xd9\x84\xd9\x8a\xd9\x83\xd9\x85 \xd9\x85\xd9\x8e\xd8\xb1\xd9\x92\xd8\xad\xd9\x8e\xd8\xa8\xd9\x8b\xd8\xa7"),
    S("Hebrew", "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xd7\xa2\xd7\x95\xd7\x9c\xd7\x9d \xd7\xa9\xd6\xb8\xd7\x81\xd7\x9c\xd7\x95\xd6\xb9\xd7\x9d"),
    S("Devanagari", "\xe0\xa4\xa8\xe0\xa4\xae\xe0\xa4\xb8\xe0\xa5\x8d\xe0\xa4\xa4\xe0\xa5\x87 \xe0\xa4\xa6\xe0\xa5\x81\xe0\xa4\xa8\xe0\xa4\xbf\xe0\xa4\xaf\xe0\xa4\xbe"),
    S("Bengali and Tamil", "\xe0\xa6\xac\xe0\xa6\xbe\xe0\xa6\x82\xe0\xa6\xb2\xe0\xa6\xbe \xe0\xae\xa4\xe0\xae\xae\xe0\xae\xbf\xe0\xae\xb4\xe0\xaf\x8d"),
    S("Thai", "\xe0\xb8\xaa\xe0\xb8\xa7\xe0\xb8\xb1\xe0\xb8\xaa\xe0\xb8\x94\xe0\xb8\xb5\xe0\xb8\x8a\xe0\xb8\xb2\xe0\xb8\xa7\xe0\xb9\x82\xe0\xb8\xa5\xe0\xb8\x81"),
    S("Chinese", "\xe4\xbd\xa0\xe5\xa5\xbd\xef\xbc\x8c\xe4\xb8\x96\xe7\x95\x8c\xef\xbc\x81" "2024\xe5\xb9\xb4" "3\xe6\x9c\x88 \xe6\xb5\x8b\xe8\xaf\x95test"),
    S("Japanese", "\xe3\x81\x93\xe3\x82\x93\xe3\x81\xab\xe3\x81\xa1\xe3\x81\xaf\xe4\xb8\x96\xe7\x95\x8c\xe3\x80\x82\xe3\x82\xab\xe3\x82\xbf\xe3\x82\xab\xe3\x83\x8a \xe3\x81\x8b\xe3\x82\x99"),
    S("Korean", "\xec\x95\x88\xeb\x85\x95\xed\x95\x98\xec\x84\xb8\xec\x9a\x94 \xec\x84\xb8\xea\xb3\x84 \xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab"),
    S("compatibility characters", "\xef\xac\x81\x6e \xef\xbc\xa1\xef\xbc\xa2\xef\xbc\xa3 \xe2\x91\xa0 \xe3\x8e\x8f \xe2\x84\xab \xef\xbd\xb6\xef\xbe\x9e"),
    S("emoji", "\xf0\x9f\x98\x80 \xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd \xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7 \xf0\x9f\x87\xa9\xf0\x9f\x87\xaa \xe2\x9d\xa4\xef\xb8\x8f 1\xef\xb8\x8f\xe2\x83\xa3"),
    S("letters beyond the first plane", "\xf0\x90\x8d\x88\xf0\x90\x8c\xb0 \xf0\x9d\x94\x98\xf0\x9d\x94\xab\xf0\x9d\x94\xa6 \xf0\xa0\x80\x80\xf0\xaa\x9b\x96"),
    S("control characters", "a\x01" "b\x07" "c\x1b[0m" "d\x7f" "e"),
    S("a zero byte", "a\0b"),
    S("invalid UTF-8", "a\xff" "b\xc3(" "c\xe2\x82" "d\xed\xa0\x80" "e\xf8\x88\x80\x80\x80"),
    S("like special tokens", "<s> </s> <unk> <pad> [CLS] [SEP] [MASK] <mask> <|endoftext|> <|im_start|>user\n<|im_end|> <0x0A>"),
    S("nearly special tokens", "<|im_start |> <|endoftext <s>> <</s> <|eot_id|><|eot_id|> <|begin_of_text|>x</s>y <|end|>  z"),
    S("turns of a chat", "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|> [INST] Hi [/INST] <start_of_turn>user\n<end_of_turn>\n<think>\n</think>"),
    S("word marks of other tokenizers", "\xe2\x96\x81the \xc4\xa0the ##ing \xc4\x8a"),
    S("a long word", "Donaudampfschifffahrtselektrizit\xc3\xa4tenhauptbetriebswerkbauunterbeamtengesellschaft"),
    S("one letter many times", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    S("many line breaks", "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"),
    S("a rule", "================================================================"),
    { NULL, NULL, 0 },
};
/* clang-format on */

const char az_proof_prose[] =
    "The harbour wakes before the town does. At five the first boats come in under the lamps, and "
    "men in "
    "yellow coats lift crates of herring on to the wet stones while gulls argue overhead. Nobody "
    "says much. "
    "The buyers walk along the rows with their hands behind their backs, nod once or twice, and "
    "write a "
    "number on a slip of paper.\n\n"
    "Water boils at 100 degrees Celsius at sea level, but on a mountain of 3,000 metres it boils "
    "at about 90, "
    "because the air presses less hard on it. This is why potatoes take longer to cook in the Alps "
    "than in "
    "Amsterdam, and why recipes for high places ask for more time rather than for a hotter "
    "stove.\n\n"
    "\"Have you read the letter?\" she asked. He had not. He had carried it about for three days, "
    "from one "
    "coat to the other, and each evening he had put it on the table beside the bread and looked at "
    "it. \"I "
    "will,\" he said. \"Tomorrow, when it is light.\" She laughed, because he had said the same "
    "thing "
    "yesterday, and because they both knew what was in it.\n\n"
    "To sort a list of n numbers, split it in two halves, sort each half in the same way, and "
    "merge them: take "
    "the smaller of the two first numbers again and again until both halves are empty. Each level "
    "of splitting "
    "costs n steps and there are log2(n) levels, so a million numbers take some twenty million "
    "steps.\n\n"
    "def area(width, height):\n    if width < 0 or height < 0:\n        raise ValueError(\"no side "
    "may be "
    "negative\")\n    return width * height\n\n"
    "In 1815 a volcano on the island of Sumbawa threw so much ash into the sky that the following "
    "year had no "
    "summer in Europe. Frost killed the corn in June; rivers stayed high; bread cost twice what it "
    "had cost. "
    "Painters of the time recorded red and orange evenings, and a group of friends who were kept "
    "indoors by "
    "the rain on Lake Geneva passed the time by inventing ghost stories.\n\n"
    "The committee met on Thursday and agreed on four points. First, the bridge will be closed "
    "from April to "
    "October. Second, the ferry will run every twenty minutes instead of every half hour. Third, "
    "shops on the "
    "left bank may ask for help with their losses. Fourth, nobody will speak to the newspapers "
    "before the "
    "mayor has done so.\n";
