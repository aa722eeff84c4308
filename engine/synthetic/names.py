"""Invented place names in Chinese and English. Every name is made of two syllables and used once a city."""

from __future__ import annotations

import numpy as np

FIRST = dict(
    zip(
        "云锦临清白青石金玉南北东西长永安和宁江湖柳桃梅松竹兰桂荷银龙凤鹤雁星月霞晴春秋翠碧丹紫文德仁义礼信怀望".strip(),
        (
            "Yun Jin Lin Qing Bai Qing Shi Jin Yu Nan Bei Dong Xi Chang Yong An He Ning Jiang Hu Liu Tao Mei Song Zhu "
            "Lan Gui He Yin Long Feng He Yan Xing Yue Xia Qing Chun Qiu Cui Bi Dan Zi Wen De Ren Yi Li Xin Huai Wang"
        ).split(),
        strict=True,
    )
)
LAST = dict(
    zip(
        "河桥门溪山湾洲浦塘林坪台园泉岭汀渡堤屏峰原川",
        "he qiao men xi shan wan zhou pu tang lin ping tai yuan quan ling ting du di ping feng yuan chuan".split(),
        strict=True,
    )
)
ORDINALS = "一二三四五六七八九十"


def place_names(rng: np.random.Generator, count: int) -> list[tuple[str, str]]:
    """`count` different (Chinese, English) names; both are different from each other."""
    pairs = [(a, b) for a in FIRST for b in LAST]
    names: list[tuple[str, str]] = []
    seen: set[str] = set()
    for i in rng.permutation(len(pairs)).tolist():
        first, last = pairs[i]
        english = FIRST[first] + LAST[last]
        if english not in seen:
            seen.add(english)
            names.append((first + last, english))
    if count > len(names):
        raise ValueError(f"at most {len(names)} names")
    return names[:count]


def ordinal(number: int) -> str:
    """Chinese numeral for 1..99: 第十二小学 is written with 十二."""
    tens, ones = divmod(number, 10)
    head = "" if tens == 0 else ("十" if tens == 1 else ORDINALS[tens - 1] + "十")
    return head + (ORDINALS[ones - 1] if ones else "")
