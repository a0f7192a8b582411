package referral

import "slices"

// languages are those of the form, in the order of the words below.
var languages = []string{"en", "fr", "ar", "es"}

// in returns a word of the form.
func in(language, key string) string {
	return formWords[key][max(0, slices.Index(languages, language))]
}

// formWords are what the form says around what is disclosed. The parts are those of inter-agency referral forms (handbook 5.1);
// names of fields stand under the names of Content.
var formWords = map[string][4]string{
	"title":        {"Inter-agency referral form", "Fiche de référencement inter-agences", "استمارة الإحالة بين الوكالات", "Formulario de remisión interinstitucional"},
	"confidential": {"Confidential: for the receiver alone", "Confidentiel : pour le seul destinataire", "سري: للجهة المستلمة فقط", "Confidencial: solo para quien lo recibe"},
	"number":       {"Number", "Numéro", "الرقم", "Número"},
	"priority":     {"Priority", "Priorité", "الأولوية", "Prioridad"},
	"date":         {"Date", "Date", "التاريخ", "Fecha"},
	"channel":      {"Delivered via", "Transmis par", "طريقة الإرسال", "Enviado por"},
	"answer_by":    {"Answer expected by", "Réponse attendue le", "الرد متوقع قبل", "Respuesta esperada antes de"},

	"referring": {"Referring agency", "Organisme référent", "الجهة المحيلة", "Entidad que remite"},
	"receiving": {"Receiving agency", "Organisme destinataire", "الجهة المستلمة", "Entidad que recibe"},
	"agency":    {"Agency", "Organisme", "الجهة", "Entidad"},
	"place":     {"Place", "Lieu", "المكان", "Lugar"},
	"contact":   {"Contact person", "Personne de contact", "جهة الاتصال", "Persona de contacto"},
	"email":     {"E-mail", "Courriel", "البريد الإلكتروني", "Correo electrónico"},
	"service":   {"Service", "Service", "الخدمة", "Servicio"},

	"client":               {"Person referred", "Personne référée", "الشخص المحال", "Persona remitida"},
	"coded":                {"The person is known to you by this code alone; ask the referring agency who it is.", "La personne n’est connue de vous que par ce code ; demandez à l’organisme référent de qui il s’agit.", "هذا الشخص معروف لديكم بهذا الرمز فقط. اسألوا الجهة المحيلة عن هويته.", "Usted conoce a la persona solo por este código; pregunte a la entidad que remite de quién se trata."},
	"anonymous":            {"The person remains anonymous.", "La personne reste anonyme.", "يبقى هذا الشخص مجهول الهوية.", "La persona permanece anónima."},
	"code":                 {"Code", "Code", "الرمز", "Código"},
	"given_name":           {"Given name", "Prénom", "الاسم الأول", "Nombre"},
	"family_name":          {"Family name", "Nom de famille", "اسم العائلة", "Apellido"},
	"other_names":          {"Other names", "Autres noms", "أسماء أخرى", "Otros nombres"},
	"birth_date":           {"Date of birth", "Date de naissance", "تاريخ الميلاد", "Fecha de nacimiento"},
	"birth_date_precision": {"Known to the", "Connue à l’échelle", "دقة التاريخ", "Conocida por"},
	"age_group":            {"Age group", "Groupe d’âge", "الفئة العمرية", "Grupo de edad"},
	"sex":                  {"Sex", "Sexe", "الجنس", "Sexo"},
	"gender_identity":      {"Gender identity", "Identité de genre", "الهوية الجنسانية", "Identidad de género"},
	"nationalities":        {"Nationality", "Nationalité", "الجنسية", "Nacionalidad"},
	"country_of_origin":    {"Country of origin", "Pays d’origine", "بلد المنشأ", "País de origen"},
	"languages":            {"Languages", "Langues", "اللغات", "Idiomas"},
	"marital_status":       {"Marital status", "Situation matrimoniale", "الحالة الاجتماعية", "Estado civil"},
	"education_level":      {"Education", "Niveau d’instruction", "المستوى التعليمي", "Educación"},
	"migration_status":     {"Migration status", "Situation migratoire", "الوضع من حيث الهجرة", "Situación migratoria"},
	"phone":                {"Telephone", "Téléphone", "الهاتف", "Teléfono"},
	"document_type":        {"Identity document", "Document d’identité", "وثيقة الهوية", "Documento de identidad"},
	"document_number":      {"Document number", "Numéro du document", "رقم الوثيقة", "Número del documento"},

	"minor":     {"If the person is under 18", "Si la personne a moins de 18 ans", "إذا كان عمر الشخص أقل من 18 سنة", "Si la persona es menor de 18 años"},
	"caregiver": {"Primary caregiver, relationship, contact", "Personne en charge, lien, contact", "مقدم الرعاية الأساسي والقرابة وجهة الاتصال", "Persona a cargo, parentesco, contacto"},
	"separated": {"Unaccompanied or separated: yes / no", "Non accompagné ou séparé : oui / non", "غير مصحوب أو منفصل: نعم / لا", "No acompañado o separado: sí / no"},
	"informed":  {"Caregiver informed: yes / no, because", "Personne en charge informée : oui / non, parce que", "مقدم الرعاية على علم: نعم / لا، لأن", "Persona a cargo informada: sí / no, porque"},

	"need":              {"Reason for the referral", "Motif du référencement", "سبب الإحالة", "Motivo de la remisión"},
	"needs":             {"Specific needs", "Besoins spécifiques", "الاحتياجات الخاصة", "Necesidades específicas"},
	"reasons":           {"Needs in", "Besoins en", "مجالات الحاجة", "Necesidades en"},
	"services":          {"Services requested", "Services demandés", "الخدمات المطلوبة", "Servicios solicitados"},
	"explanation":       {"What is asked for", "Ce qui est demandé", "المطلوب", "Lo que se pide"},
	"background":        {"Background", "Contexte", "الخلفية", "Antecedentes"},
	"services_provided": {"Services already provided", "Services déjà fournis", "الخدمات المقدمة سابقا", "Servicios ya prestados"},

	"consent":    {"Consent", "Consentement", "الموافقة", "Consentimiento"},
	"consented":  {"The person was told what is disclosed, to whom and why, and agreed. Nothing else may be passed on, nor passed to others.", "La personne a été informée de ce qui est communiqué, à qui et pourquoi, et a donné son accord. Rien d’autre ne peut être communiqué, ni transmis à des tiers.", "أُبلغ الشخص بالمعلومات التي تُنقل وإلى من ولماذا، ووافق على ذلك. ولا يجوز نقل أي شيء آخر ولا تمريره إلى غيركم.", "La persona fue informada de lo que se comunica, a quién y por qué, y estuvo de acuerdo. Nada más puede comunicarse ni transmitirse a otros."},
	"unasked":    {"Sent without consent, on the basis", "Transmis sans consentement, sur la base", "أُرسلت دون موافقة، على أساس", "Enviado sin consentimiento, sobre la base"},
	"disclosed":  {"Information disclosed", "Informations communiquées", "المعلومات المنقولة", "Información comunicada"},
	"signed":     {"Signature of the person or caregiver, date", "Signature de la personne ou de la personne en charge, date", "توقيع الشخص أو مقدم الرعاية والتاريخ", "Firma de la persona o de quien está a cargo, fecha"},
	"restricted": {"Restrictions on contact", "Restrictions de contact", "قيود على الاتصال", "Restricciones de contacto"},

	"follow_up": {"Follow-up", "Suivi", "المتابعة", "Seguimiento"},
	"expected":  {"Feedback expected by", "Retour attendu le", "الإفادة متوقعة قبل", "Respuesta de seguimiento antes de"},
	"wanted":    {"Please tell us what was done.", "Merci de nous dire ce qui a été fait.", "يرجى إبلاغنا بما تم.", "Le rogamos que nos diga qué se hizo."},
	"receipt":   {"Receipt", "Réception", "الاستلام", "Recepción"},
	"received":  {"Received by, position, date", "Reçu par, fonction, date", "استلمها، الوظيفة، التاريخ", "Recibido por, cargo, fecha"},
	"answered":  {"Accepted / not accepted, because", "Accepté / non accepté, parce que", "مقبولة / غير مقبولة، لأن", "Aceptado / no aceptado, porque"},
	"copies":    {"Copies: sender, person referred, receiver", "Copies : référent, personne référée, destinataire", "النسخ: الجهة المحيلة، الشخص المحال، الجهة المستلمة", "Copias: quien remite, persona remitida, quien recibe"},
}
