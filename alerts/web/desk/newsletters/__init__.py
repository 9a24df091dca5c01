"""The room of the newsletters: what they are, when they come, how their issues are numbered."""
