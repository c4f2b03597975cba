"""Networks of cortical populations on the Visual Behavior data: when do Vip cells matter?"""

from .study import VISUAL_BEHAVIOR, made_up, visual_behavior

__all__ = ["VISUAL_BEHAVIOR", "made_up", "visual_behavior"]
