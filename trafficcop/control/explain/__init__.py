"""Why a request goes where it goes: which router takes it, which lose and why, what middlewares do, where it ends."""
