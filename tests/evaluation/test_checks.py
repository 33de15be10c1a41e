from nmt.evaluation.checks import suspicions

REFERENCES = [["The black cat is on the mat.", "A dog sleeps, I think."]]


def test_plain_text_is_not_suspected():
    assert suspicions(["The cat is on the mat.", "A dog ... sleeps!"], REFERENCES) == []
    assert suspicions(["Où est le chat ?", "Il dort : enfin !"], REFERENCES) == []
    assert suspicions([], [[]]) == []
    assert suspicions(["", ""], REFERENCES) == []


def test_subwords():
    for text in ("▁The ▁cat", "The bl@@ ack cat", "bl@@"):
        (warning,) = suspicions(["Fine.", text], REFERENCES)
        assert warning.startswith(f"hypotheses look like subwords, line 2: {text!r}")


def test_tokenised():
    (warning,) = suspicions(["The cat is on the mat .", "A dog , I think ."], REFERENCES)
    assert warning.startswith("hypotheses look tokenised, line 1: 'The cat is on the mat .'")


def test_tokenised_text_may_be_meant():
    spaced = ["The cat is on the mat .", "A dog , I think ."]
    assert suspicions(spaced, [spaced], tokenize="none") == []
    assert len(suspicions(spaced, [spaced])) == 1
    assert len(suspicions(spaced, REFERENCES, tokenize="none")) == 1
    assert len(suspicions(REFERENCES[0], [spaced], tokenize="none")) == 1


def test_lower_case():
    lower = ["the cat is on the mat.", "a dog sleeps."]
    (warning,) = suspicions(lower, REFERENCES)
    assert "no capital letter" in warning
    assert suspicions(lower, [[line.lower() for line in REFERENCES[0]]]) == []
    assert suspicions(["猫はマットの上。", "犬は寝る。"], REFERENCES) == []


def test_case_that_is_not_compared_cannot_be_wrong():
    assert suspicions(["the cat is on the mat.", "a dog."], REFERENCES, lowercase=True) == []


def test_references_may_be_the_strange_ones():
    plain = ["The black cat is on the mat.", "A dog sleeps, I think."]
    (warning,) = suspicions(plain, [["▁The ▁cat", "x"]])
    assert warning.startswith("references look like subwords, line 1: '▁The ▁cat'")
    (warning,) = suspicions(plain, [["The cat is on the mat .", "A dog , I think ."]])
    assert warning.startswith("references look tokenised, line 1")
    (warning,) = suspicions(plain, [[line.lower() for line in plain]])
    assert warning.startswith("references have no capital letter but the hypotheses do")
    assert "swapped" in warning


def test_text_without_spaces():
    chinese = ["猫在垫子上。", "狗在睡觉。"]
    (warning,) = suspicions(chinese, [chinese])
    assert "--language zh or --language ja" in warning
    (warning,) = suspicions(["แมวอยู่บนเสื่อ"], [["แมวอยู่บนเสื่อ"]])
    assert "--tokenize char" in warning
    assert suspicions(chinese, [chinese], tokenize="zh") == []
    assert suspicions(["그 고양이"], [["그 고양이"]]) == []
