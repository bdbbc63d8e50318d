"""Pictures and videos in, drawings out.

:mod:`.poses` reads people off images by DARK, beside the stock codec if asked
to, and draws them; :mod:`.files` has what comes in and goes out;
:mod:`.plots` what figures with matplotlib have in common.
"""
