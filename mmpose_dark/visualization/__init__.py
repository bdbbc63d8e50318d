"""Pictures and videos in, drawings out.

- :mod:`.files` and :mod:`.results`: what comes in, and what goes out
- :mod:`.people`, :mod:`.poses`, :mod:`.exported`: who is in an image, and
  their poses read by DARK, by a network of MMPose's or an exported file
- :mod:`.magnify`, :mod:`.uncertainty`, :mod:`.labels`: what is drawn
- :mod:`.plots`: what figures with matplotlib have in common
"""
