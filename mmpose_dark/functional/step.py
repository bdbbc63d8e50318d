"""Eq. 8, shared by every decoder that expands to second order."""


def newton_step(gx, gy, hxx, hyy, hxy):
    """Eq. 8: minus the inverse Hessian times the gradient, in closed form.

    Returns:
        tuple: dx, dy and whether the Hessian is negative definite.
    """
    det = hxx * hyy - hxy * hxy
    definite = (det > 0) & (hxx < 0)
    return ((hxy * gy - hyy * gx) / det, (hxy * gx - hxx * gy) / det,
            definite)
