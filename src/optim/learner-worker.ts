import { serve } from "../runtime/index.ts";
import { Learner, type LearnerInit } from "./learner.ts";

serve((init: LearnerInit) => Learner.open(init));
